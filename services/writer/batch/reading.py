"""Records as events; one that cannot be read becomes a dead letter of the writer's own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import lt
from typing import TypeVar

from services.writer.batch.contents import Batch, Place
from services.writer.batch.rejections import reject
from shared.events import Execution, Fact, Marker, Nbbo, Order, ServiceEvent, Tally
from shared.frames import FAULTS
from shared.records import Record
from shared.topics import DEAD_LETTERS

Event = TypeVar("Event")
Derived = TypeVar("Derived", Fact, Order | Execution | Nbbo, ServiceEvent)
_BESIDE = (Marker, Tally)


def decoded(
    batch: Batch,
    place: Place,
    records: Sequence[Record],
    together: Callable[[bytes], list[Event]],
    alone: Callable[[bytes], Event],
) -> list[Event]:
    """The events of the records, decoded at once where all can be."""
    try:
        return together(b"[" + b",".join([record.value or b"null" for record in records]) + b"]")
    except FAULTS:
        return [event for record in records if (event := read(batch, place, record, alone))]


def read(batch: Batch, place: Place, record: Record, decode: Callable[[bytes], Event]) -> Event | None:
    """The record's event; one that cannot be read is kept as a dead letter of the writer's own."""
    try:
        return decode(record.value or b"")
    except FAULTS as fault:
        rejection, _ = reject(place, record, "malformed", str(fault))
        if place[0] == DEAD_LETTERS.name:  # its bytes are in that topic already
            batch.letters.append(rejection.letter)
        else:
            batch.rejected.append(rejection)
        return None


def news(batch: Batch, place: Place, events: Sequence[Derived | Marker | Tally]) -> list[Derived]:
    """The events above the mark of their raw partition, which then moves to them; markers and counts are kept aside."""
    found: list[Derived] = [event for event in events if type(event) not in _BESIDE]  # type: ignore[misc]
    if len(found) < len(events):
        batch.markers += [(event, place) for event in events if isinstance(event, Marker)]
        batch.tallies += [event for event in events if isinstance(event, Tally)]
    origins = [event.origin for event in found]
    if len({origin.partition for origin in origins}) == 1 and all(map(lt, origins, origins[1:])):
        key = (*place, origins[0].partition)
        mark = batch.marks.get(key)
        if mark is None or mark < origins[0]:
            batch.marks[key] = origins[-1]
            return found
    return list(_above(batch, place, found))


def _above(batch: Batch, place: Place, events: Iterable[Derived]) -> Iterator[Derived]:
    """The same of events of several raw partitions, or with repeats among them, one by one."""
    marks = {raw: mark for (topic, partition, raw), mark in batch.marks.items() if (topic, partition) == place}
    for event in events:
        if (mark := marks.get((origin := event.origin).partition)) is not None and origin <= mark:
            batch.repeats += 1
        else:
            marks[origin.partition] = origin
            yield event
    batch.marks.update({(*place, raw): mark for raw, mark in marks.items()})
