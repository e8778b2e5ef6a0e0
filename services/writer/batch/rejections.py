"""Records that the store does not take, as dead letters of the writer's own.

Invariant: a letter's origin depends on the fact alone where the record holds one, so a fact that is published again is rejected once; and
whatever the record holds, its letter can be stored and published.
"""

import re
from collections.abc import Sequence

import msgspec

from services.writer.batch.contents import Letter, MarkKey, Place, Rejection
from shared.dead_letters import ADDED
from shared.events import Execution, Nbbo, Order, Origin
from shared.frames import FAULTS
from shared.records import Record, Stored
from shared.storable import MESSAGE, NAME, storable
from shared.time import LATEST, to_iso
from shared.topics import DEAD_LETTERS, EVENTS_OF, RAW_LIMIT

REASON = "unstorable"
SAMPLE = 512  # bytes of a dead letter that the store keeps
KEY_BYTES, HEADER_BYTES = 4096, 16_384  # of a record that its dead letter keeps
_ADDED = frozenset({*ADDED, "ce_type"})
_RAW_OF: dict[str, str] = {topic.name: raw for raw, topic in EVENTS_OF.items()}
_SOURCES = {kind.__struct_config__.tag: kind.source for kind in (Order, Execution, Nbbo)}
_NUL = re.compile(rb"\\(?:\\|u0000)")  # an escaped backslash is passed over: what follows it is no escape
_REPLACEMENT = "\ufffd".encode()


class _Fact(msgspec.Struct, frozen=True):
    """What a derived record says of whose fact it is."""

    kind: str = ""
    source: str = ""
    service: str = ""
    run: str | None = None
    received_at: int = 0
    origin: Origin | None = None

    @property
    def counted_at(self) -> str:
        """The source at which it is counted."""
        return _SOURCES.get(self.kind) or self.source or self.service or "unknown"


_decode = msgspec.json.Decoder(_Fact).decode


def reject(place: Place, record: Record, reason: str, message: str) -> tuple[Rejection, dict[MarkKey, Origin]]:
    """A record's dead letter, and the mark that moves past the fact in it."""
    fact = _fact(place, record)
    message, value = storable(message, MESSAGE), record.value or b""
    marks: dict[MarkKey, Origin] = {}
    source, run, at, number = "unknown", "", record.timestamp * 1000, place[1]
    origin = f"{place[0]}/{place[1]}/{record.offset}"
    if fact is not None and fact.origin is not None:
        origin, marks[*place, fact.origin.partition] = f"{_RAW_OF[place[0]]}/{fact.origin}", fact.origin
        source, run, at, number = storable(fact.counted_at), storable(fact.run or ""), fact.received_at, fact.origin.partition
    at = min(max(at, 0), LATEST - 1)
    letter = Letter(place[1], record.offset, origin, source, run, None, reason, message, at, value[:SAMPLE])
    key = None if record.key is None else record.key[:KEY_BYTES]
    return Rejection(letter, number % DEAD_LETTERS.partitions, key, value[:RAW_LIMIT], [*added(letter), *_own(record.headers)]), marks


def added(letter: Letter) -> list[tuple[str, bytes]]:
    """The headers that say why it was rejected."""
    told = {
        "error_reason": letter.reason,
        "error_message": letter.message,
        "error_source": letter.source,
        "received_at": to_iso(letter.received_at),
        "origin": letter.origin,
        "attempts": "1",
    }
    return [(name, value.encode()) for name, value in told.items()]


def cleaned(record: Record) -> Record | None:
    """The record with U+FFFD for each NUL in its JSON; None where it has none."""
    value = record.value or b""
    if b"\\u0000" not in value:
        return None
    made = _NUL.sub(lambda found: found[0] if found[0] == rb"\\" else _REPLACEMENT, value)
    return Stored(record.partition, record.offset, record.timestamp, record.key, made, record.headers) if made != value else None


def _fact(place: Place, record: Record) -> _Fact | None:
    """Whose fact a record is, if it says where that comes from, however little else of it can be read."""
    if place[0] not in _RAW_OF:
        return None
    try:
        found = _decode(record.value or b"")
    except FAULTS:
        return None
    return None if found.origin is None or found.kind in ("marker", "tally") else found


def _own(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The record's own headers, renamed where they would be read as those of a dead letter, as many as there is room for."""
    kept: list[tuple[str, bytes]] = []
    room = HEADER_BYTES
    for name, value in headers:
        room -= len(name.encode("utf-8", "replace")) + len(value or b"") + 16
        if room < 0:
            break
        kept.append((f"rejected_{name}" if name in _ADDED else storable(name, NAME), value or b""))
    return kept
