"""What a batch of records means for the store: pure, given the highest origins stored before it.

A *repeat* is transformer output whose origin is at or below the mark of its derived and raw partition: dropped and not counted.
A *duplicate* is a fact with a known id above the mark: counted, and of several copies the least (received_at, content) holds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from shared.events import (
    Candle,
    CandleRecord,
    GivenUp,
    IndexPrice,
    Marker,
    Origin,
    Quote,
    Run,
    SourceState,
    Tally,
    Tick,
    TickRecord,
    Trade,
    tick_id,
)
from shared.records import RUN_HEADER, Record, Row, control_kind, header
from shared.time import DAY, HOUR, from_iso
from shared.topics import CANDLES, DEAD_LETTERS, RUNS, SOURCES, TICKS

Place = tuple[str, int]  # topic, partition
MarkKey = tuple[str, int, int]  # topic, derived partition, raw partition
LedgerKey = tuple[str, str, int]  # source, run, hour
FactKey = tuple[int, str, str, str, str]  # day, source, symbol, kind, id

_ticks = msgspec.json.Decoder(list[TickRecord]).decode
_tick = msgspec.json.Decoder(TickRecord).decode
_candle = msgspec.json.Decoder(CandleRecord).decode
_source = msgspec.json.Decoder(SourceState).decode
_run = msgspec.json.Decoder(Run).decode
_marker = msgspec.json.Decoder(Marker).decode
_SAMPLE = 512


class Letter(msgspec.Struct, frozen=True):
    """A dead letter as the store keeps it."""

    partition: int
    offset: int
    origin: str
    source: str
    run: str
    line: int | None
    reason: str
    message: str
    received_at: int
    sample: bytes


@dataclass(slots=True)
class Batch:
    """Everything one transaction does, and the position it ends at."""

    next_offsets: dict[Place, int] = field(default_factory=dict)
    marks: dict[MarkKey, Origin] = field(default_factory=dict)
    facts: dict[FactKey, Tick] = field(default_factory=dict)
    duplicates: Counter[LedgerKey] = field(default_factory=Counter)
    repeats: int = 0
    tallies: list[Tally] = field(default_factory=list)
    markers: list[tuple[Marker, Place]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    closings: list[tuple[Candle | GivenUp, int]] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    sources: list[SourceState] = field(default_factory=list)
    records: int = 0


def collect(polled: Mapping[Place, Sequence[Record]], marks: Mapping[MarkKey, Origin]) -> Batch:
    """Decodes and sorts out the records of each (topic, partition), in offset order."""
    batch = Batch(marks=dict(marks))
    for place, records in polled.items():
        if not records:
            continue
        batch.records += len(records)
        batch.next_offsets[place] = records[-1].offset + 1
        topic, partition = place
        if topic == TICKS.name:
            _take_ticks(batch, partition, records)
        elif topic == CANDLES.name:
            batch.closings += [(event, partition) for event in map(_closing, records) if event is not None]
        elif topic == DEAD_LETTERS.name:
            _take_letters(batch, partition, records)
        elif topic == RUNS.name:
            for record in records:
                if record.value:
                    run = _run(record.value)
                    batch.runs[run.run_id] = run
        elif topic == SOURCES.name:
            _take_sources(batch, records)
    return batch


def _take_sources(batch: Batch, records: Sequence[Record]) -> None:
    batch.sources += [_source(record.value) for record in records if record.value]


def _take_ticks(batch: Batch, partition: int, records: Sequence[Record]) -> None:
    for event in _decode(batch, partition, records):
        if isinstance(event, Marker):
            batch.markers.append((event, (TICKS.name, partition)))
        elif isinstance(event, Tally):
            batch.tallies.append(event)
        elif _is_new(batch, (TICKS.name, partition, event.origin.partition), event.origin):
            _take(batch, event)


def _decode(batch: Batch, partition: int, records: Sequence[Record]) -> Iterable[TickRecord]:
    try:
        return _ticks(b"[" + b",".join([record.value or b"null" for record in records]) + b"]")
    except msgspec.MsgspecError:
        return list(_one_by_one(batch, partition, records))


def _one_by_one(batch: Batch, partition: int, records: Sequence[Record]) -> Iterable[TickRecord]:
    for record in records:
        try:
            yield _tick(record.value or b"")
        except msgspec.MsgspecError as fault:
            origin = f"{TICKS.name}/{partition}/{record.offset}"
            sample = (record.value or b"")[:_SAMPLE]
            at = record.timestamp * 1000
            batch.letters.append(Letter(partition, record.offset, origin, "unknown", "", None, "malformed", str(fault), at, sample))


def _is_new(batch: Batch, key: MarkKey, origin: Origin) -> bool:
    """Whether the origin is above the mark, which then moves to it."""
    mark = batch.marks.get(key)
    if mark is not None and (origin.epoch, origin.offset, origin.index) <= (mark.epoch, mark.offset, mark.index):
        batch.repeats += 1
        return False
    batch.marks[key] = origin
    return True


def _take(batch: Batch, tick: Tick) -> None:
    key = fact_key(tick)
    known = batch.facts.get(key)
    if known is None:
        batch.facts[key] = tick
        return
    kept, dropped = (tick, known) if precedence(tick) < precedence(known) else (known, tick)
    batch.facts[key] = kept
    batch.duplicates[ledger_key(dropped)] += 1


def fact_key(tick: Tick) -> FactKey:
    """The primary key of a tick; the day as days since 1970."""
    return tick.event_time // DAY, tick.source, tick.symbol, tick.kind, tick_id(tick)


def ledger_key(tick: Tick) -> LedgerKey:
    """Where a tick is counted: by source, run and hour of receive time."""
    return tick.source, tick.run or "", tick.received_at - tick.received_at % HOUR


def precedence(tick: Tick) -> tuple[int, bytes]:
    """Of several copies of a fact the least holds, whatever their order of arrival."""
    return tick.received_at, content(tick)


def content(tick: Tick) -> bytes:
    """A hash of the values a venue could have restated."""
    if isinstance(tick, Trade):
        values: tuple[object, ...] = (tick.event_time, tick.sequence, tick.price, tick.size, tick.side)
    elif isinstance(tick, Quote):
        values = (tick.event_time, tick.sequence, tick.bid, tick.ask, tick.bid_size, tick.ask_size)
    else:
        index: IndexPrice = tick
        values = (index.event_time, index.sequence, index.price)
    return blake2b(repr(values).encode(), digest_size=8).digest()


def _closing(record: Record) -> Candle | GivenUp | None:
    """A live window's end; open windows and what the store itself published are of no concern here."""
    event = _candle(record.value) if record.value else None
    if isinstance(event, Candle) and (event.from_store or not event.is_closed):
        return None
    return event


def _take_letters(batch: Batch, partition: int, records: Sequence[Record]) -> None:
    for record in records:
        if control_kind(record.headers) == "marker":
            batch.markers.append((_marker(record.value or b""), (DEAD_LETTERS.name, partition)))
        else:
            batch.letters.append(_letter(partition, record))


def _letter(partition: int, record: Record) -> Letter:
    def text(name: str, default: str) -> str:
        value = header(record.headers, name)
        return default if value is None else value.decode("utf-8", "replace").replace("\x00", "�")

    given = header(record.headers, RUN_HEADER)
    row = Row.parse(given) if given else None
    received = text("received_at", "")
    return Letter(
        partition,
        record.offset,
        text("origin", f"{DEAD_LETTERS.name}/{partition}/{record.offset}"),
        text("error_source", "unknown"),
        row.run if row else "",
        row.line if row else None,
        text("error_reason", "malformed"),
        text("error_message", ""),
        from_iso(received) if received else record.timestamp * 1000,
        (record.value or b"")[:_SAMPLE],
    )
