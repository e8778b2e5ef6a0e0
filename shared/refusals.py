"""Why the values of one record were rejected: counts by reason, exact, and the first of them with their messages, bounded. Pure.

One record has one dead letter, whatever the number of its values. Invariant: the headers made here take at most `HEADERS` bytes.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from shared.errors import Reason, Rejected
from shared.storable import INT32, storable

MOST = 100  # values that are named
HEADERS = 32 * 1024
_VALUES = 16 * 1024  # bytes of the values that are named
_SHORT = 200  # characters of their messages
_REASON = 64
# Of the record's own headers so many and so many bytes are kept: its producer may have written any number.
_OWN, _OWN_BYTES = 64, 24 * 1024


class Count(NamedTuple):
    """How many values of a record were rejected for a reason, and the index of the first."""

    reason: str
    number: int
    first: int


class Value(NamedTuple):
    """A value that was rejected: its index among the parsed values of the record."""

    at: int
    reason: str
    message: str


class Refusals:
    """Collects the rejections of one record, in the order of their indices."""

    def __init__(self) -> None:
        self._counts: dict[Reason, list[int]] = {}
        self._values: list[Value] = []
        self.total = 0

    def add(self, index: int, fault: Rejected) -> None:
        """One more value."""
        self.total += 1
        known = self._counts.setdefault(fault.reason, [0, min(index, INT32[-1])])
        known[0] += 1
        if len(self._values) < MOST:
            self._values.append(Value(index, fault.reason, storable(fault.message)))

    @property
    def index(self) -> int:
        """The index of the first."""
        return min(self._values[0].at, INT32[-1])

    def headers(self) -> list[tuple[str, bytes]]:
        """What the dead letter says of them; of a single one no more than its reason and message."""
        first = self._values[0]
        said = [("error_reason", first.reason.encode()), ("error_message", first.message.encode())]
        if self.total > 1:
            counts = [Count(reason, *found) for reason, found in self._counts.items()]
            said += [("error_counts", msgspec.json.encode(counts)), ("error_values", _bounded(self._values))]
        return said


def one(fault: Rejected) -> Refusals:
    """The rejection of a record that is one value."""
    refused = Refusals()
    refused.add(0, fault)
    return refused


def counts(reason: str, given: bytes | None) -> Sequence[Count]:
    """The `error_counts` of a dead letter; one of `reason` where it has none that can be read."""
    found = _read(given, list[tuple[str, int, int]])
    kept = [Count(storable(r, _REASON), n, index) for r, n, index in found if 0 < n <= INT32[-1] and 0 <= index <= INT32[-1]]
    distinct = {count.reason: count for count in kept[:_REASON]}
    return list({count.first: count for count in distinct.values()}.values()) or [Count(reason, 1, 0)]


def values(given: bytes | None) -> Sequence[Value]:
    """The `error_values` of a dead letter."""
    found = _read(given, list[tuple[int, str, str]])
    return [Value(index, storable(r, _REASON), storable(said, _SHORT)) for index, r, said in found[:MOST] if index in INT32]


def own(headers: Iterable[tuple[str, bytes]], taken: Iterable[str]) -> list[tuple[str, bytes]]:
    """The record's own headers as its dead letter keeps them; those named as in `taken` get another name."""
    renamed, size = frozenset(taken), 0
    kept: list[tuple[str, bytes]] = []
    for name, value in headers:
        size += len(name.encode("utf-8", "replace")) + len(value or b"") + 16
        if len(kept) == _OWN or size > _OWN_BYTES:
            return [*kept, ("error_headers", b"more than are kept")]
        kept.append((f"rejected_{name}" if name in renamed else storable(name), value or b""))
    return kept


def _bounded(found: Sequence[Value]) -> bytes:
    parts, size = [], 0
    for value in found:
        part = msgspec.json.encode(Value(value.at, value.reason, value.message[:_SHORT]))
        size += len(part) + 1
        if size > _VALUES:
            break
        parts.append(part)
    return b"[" + b",".join(parts) + b"]"


def _read(given: bytes | None, kind: Any) -> Any:
    try:
        return msgspec.json.decode(given, type=kind) if given else []
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
