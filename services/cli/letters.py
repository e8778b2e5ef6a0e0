"""Dead letters as the operator sees them: read from the topic, described, and chosen for a replay.

Invariant: a replay request names fixed ranges of offsets, so that carrying it out twice replays the same records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

if TYPE_CHECKING:
    from shared.dead_letters import DeadLetter
    from shared.runs import ReplayRequest
    from shared.settings import Settings

COLUMNS = ("place", "received", "source", "reason", "run:line", "message")
Places = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Plan:
    """What a replay would do: one request for each kind of rows, the number of records, and of those that cannot be replayed."""

    requests: tuple[ReplayRequest, ...]
    count: int
    refused: int
    source: str


async def read(found: Settings, places: Places | None = None) -> list[DeadLetter]:
    """All dead letters, in partition and offset order, or those at the places; raises `Unavailable`."""
    from shared import dead_letters
    from shared.bus import Log
    from shared.topics import DEAD_LETTERS

    read: list[DeadLetter] = []
    async with Log(found.kafka) as log:
        spans = await log.ranges(DEAD_LETTERS)
        for partition, (first, end) in spans.items():
            wanted = [(first, end)] if places is None else [(at, at + 1) for p, at in places if p == partition and first <= at < end]
            for start, stop in wanted:
                async for records in log.read(DEAD_LETTERS, partition, start, stop):
                    read += [letter for record in records if (letter := dead_letters.read(record))]
    return read


def plan(letters: Sequence[DeadLetter], places: Places, reason: str | None, run: str | None) -> Plan:
    """The requests that replay the letters, each record once."""
    from shared.runs import ReplayRequest, RowKind

    sources = {letter.source for letter in letters}
    requests: list[ReplayRequest] = []
    count = 0
    for rows in get_args(RowKind):
        mine = [letter for letter in letters if letter.rows == rows]
        if mine:
            count += len({letter.record_origin for letter in mine})
            requests.append(ReplayRequest(rows, _ranges(mine, places), reason, run))
    refused = sum(letter.rows is None for letter in letters)
    return Plan(tuple(requests), count, refused, sources.pop() if len(sources) == 1 else "replay")


def _ranges(letters: Sequence[DeadLetter], places: Places) -> list[tuple[int, int, int]]:
    """The least ranges that hold the letters; where places were given, just these."""
    at = [(letter.record.partition, letter.record.offset) for letter in letters]
    if places:
        return [(partition, offset, offset + 1) for partition, offset in sorted(set(at))]
    spans: dict[int, tuple[int, int]] = {}
    for partition, offset in at:
        first, end = spans.get(partition, (offset, offset + 1))
        spans[partition] = (min(first, offset), max(end, offset + 1))
    return [(partition, first, end) for partition, (first, end) in sorted(spans.items())]


def cells(letter: DeadLetter) -> tuple[str, ...]:
    """A dead letter as a line of the list, under `COLUMNS`."""
    from shared.time import to_iso

    line = f"{letter.row.run}:{letter.row.line}" if letter.row else ""
    return letter.place, to_iso(letter.received_at), letter.source, reasons(letter), line, letter.message


def reasons(letter: DeadLetter) -> str:
    """`bad_price`, or of a record with several rejected values `bad_price 2400, malformed 100`."""
    if sum(count.number for count in letter.counts) < 2:
        return letter.reason
    return ", ".join(f"{count.reason} {count.number}" for count in letter.counts)


def describe(letter: DeadLetter) -> Iterator[tuple[str, str]]:
    """What is known of a dead letter beside its bytes."""
    from shared.dead_letters import ADDED
    from shared.time import to_iso

    yield "place", letter.place
    yield "reason", reasons(letter)
    yield "message", letter.message
    yield "source", letter.source
    yield "received", to_iso(letter.received_at)
    yield "origin", letter.origin
    yield "key", readable(letter.record.key or b"")
    for name, value in letter.record.headers:
        if name not in ADDED:
            yield name, readable(value)
    for at, reason, message in letter.values:
        yield f"value {at}", f"{reason}: {message}"
    yield "bytes", f"{len(letter.record.value or b''):,}"


def readable(value: bytes) -> str:
    """The text, or where it is none its bytes escaped."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("utf-8", "backslashreplace")
