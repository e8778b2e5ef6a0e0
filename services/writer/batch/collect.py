"""Which records mean what, by topic."""

from collections.abc import Callable, Mapping, Sequence

from services.writer.batch.contents import Batch, MarkKey, Place
from services.writer.batch.letters import take_letters
from services.writer.batch.operations import take_closings, take_minute_closings, take_service_events
from services.writer.batch.states import take_flags, take_runs, take_sources
from services.writer.batch.ticks import take_ticks
from services.writer.batch.trading import take_trading
from shared.events import Origin
from shared.records import Record
from shared.topics import CANDLES, DEAD_LETTERS, FLAGS, MINUTES, OPS_EVENTS, RUNS, SOURCES, TICKS, TRADING_EVENTS

_TAKES: dict[str, Callable[[Batch, Place, Sequence[Record]], None]] = {
    TICKS.name: take_ticks,
    CANDLES.name: take_closings,
    OPS_EVENTS.name: take_service_events,
    TRADING_EVENTS.name: take_trading,
    MINUTES.name: take_minute_closings,
    DEAD_LETTERS.name: take_letters,
    RUNS.name: take_runs,
    SOURCES.name: take_sources,
    FLAGS.name: take_flags,
}


def collect(polled: Mapping[Place, Sequence[Record]], marks: Mapping[MarkKey, Origin]) -> Batch:
    """Decodes and sorts out the records of each (topic, partition), in offset order."""
    batch = Batch(marks=dict(marks))
    for place, records in polled.items():
        if not records:
            continue
        batch.records += len(records)
        batch.next_offsets[place] = records[-1].offset + 1
        if take := _TAKES.get(place[0]):
            take(batch, place, records)
    return batch
