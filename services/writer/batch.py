"""What a batch of records means for the store: pure, given the highest origins stored before it.

A *repeat* is transformer output whose origin is at or below the mark of its derived and raw partition: dropped and not counted.
A *duplicate* is a fact with a known id above the mark: counted, and of several copies the least (received_at, content) holds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import TypeVar

import msgspec

from shared.events import (
    Bar,
    Candle,
    CandleRecord,
    Execution,
    Flag,
    GivenUp,
    Hole,
    IndexPrice,
    Marker,
    MarketInfo,
    MinuteGivenUp,
    MinuteRecord,
    Nbbo,
    Order,
    Origin,
    Quote,
    Run,
    ServiceEvent,
    ServiceMinute,
    ServiceRecord,
    SourceRecord,
    SourceState,
    Tally,
    Tick,
    TickRecord,
    Trade,
    TradingRecord,
    tick_id,
)
from shared.frames import FAULTS
from shared.identity import normal
from shared.records import RUN_HEADER, Record, Row, control_kind, header
from shared.time import DAY, HOUR, from_iso
from shared.topics import CANDLES, DEAD_LETTERS, FLAGS, MINUTES, OPS_EVENTS, RUNS, SOURCES, TICKS, TRADING_EVENTS
from shared.trading.versions import version

Place = tuple[str, int]  # topic, partition
MarkKey = tuple[str, int, int]  # topic, derived partition, raw partition
LedgerKey = tuple[str, str, int]  # source, run, hour
FactKey = tuple[int, str, str, str, str]  # day, source, symbol, kind, id
InfoKey = tuple[str, str, int, str]  # source, symbol, event time, id
FlagKey = tuple[str, str, str, str, Origin]  # source, symbol, kind, flag, first
QuoteKey = tuple[str, int, Decimal, Decimal]  # symbol, event time, bid, ask
HoleKey = tuple[str, str, str, int]  # source, symbol, kind, first id or start
Dated = Tick | MarketInfo | ServiceEvent | Order | Execution | Nbbo

Event = TypeVar("Event")
Version = TypeVar("Version", Order, Execution)
_ticks = msgspec.json.Decoder(list[TickRecord]).decode
_tick = msgspec.json.Decoder(TickRecord).decode
_tradings = msgspec.json.Decoder(list[TradingRecord]).decode
_trading = msgspec.json.Decoder(TradingRecord).decode
_candle = msgspec.json.Decoder(CandleRecord).decode
_service = msgspec.json.Decoder(ServiceRecord).decode
_minute = msgspec.json.Decoder(MinuteRecord).decode
_flag = msgspec.json.Decoder(Flag).decode
_source = msgspec.json.Decoder(SourceRecord).decode
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
    infos: dict[InfoKey, MarketInfo] = field(default_factory=dict)
    bars: dict[FactKey, Bar] = field(default_factory=dict)
    duplicates: Counter[LedgerKey] = field(default_factory=Counter)
    repeats: int = 0
    tallies: list[Tally] = field(default_factory=list)
    markers: list[tuple[Marker, Place]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    closings: list[tuple[Candle | GivenUp, int]] = field(default_factory=list)
    events: dict[str, ServiceEvent] = field(default_factory=dict)
    minute_closings: list[tuple[ServiceMinute | MinuteGivenUp, int]] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    quotes: dict[QuoteKey, Nbbo] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    sources: list[SourceState] = field(default_factory=list)
    flags: dict[FlagKey, Flag] = field(default_factory=dict)
    holes: dict[HoleKey, Hole] = field(default_factory=dict)
    records: int = 0


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


def _take_runs(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    for record in records:
        if record.value and (run := _read(batch, place, record, _run)):
            known = batch.runs.get(run.run_id, run)
            batch.runs[run.run_id] = msgspec.structs.replace(run, result=run.result or known.result)


def _take_sources(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    for record in records:
        event = _read(batch, place, record, _source) if record.value else None
        if isinstance(event, SourceState):
            batch.sources.append(event)
        elif isinstance(event, Hole):
            batch.holes[event.source, event.symbol, event.kind, event.first or event.start] = event


def _take_flags(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """The state of each episode that holds; an older one read again changes nothing."""
    for record in records:
        if record.value and (flag := _read(batch, place, record, _flag)):
            key = flag.source, flag.symbol, flag.kind, flag.flag, flag.first
            known = batch.flags.get(key)
            if known is None or (known.end is None and (flag.end is not None or flag.ticks > known.ticks)):
                batch.flags[key] = flag


def _take_closings(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """Live windows' ends; open windows and what the store itself published are of no concern here."""
    for record in records:
        event = _read(batch, place, record, _candle) if record.value else None
        if isinstance(event, GivenUp) or (event is not None and event.is_closed and not event.from_store):
            batch.closings.append((event, place[1]))


def _take_minute_closings(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """Likewise, of operational events."""
    for record in records:
        event = _read(batch, place, record, _minute) if record.value else None
        if isinstance(event, MinuteGivenUp) or (event is not None and event.is_closed and not event.from_store):
            batch.minute_closings.append((event, place[1]))


def _take_service_events(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    for record in records:
        event = _read(batch, place, record, _service)
        if isinstance(event, Marker):
            batch.markers.append((event, place))
        elif isinstance(event, Tally):
            batch.tallies.append(event)
        elif event is not None and _is_new(batch, (*place, event.origin.partition), event.origin):
            known = batch.events.get(event.event_id, event)
            kept, dropped = (event, known) if first(event) <= first(known) else (known, event)
            batch.events[event.event_id] = kept
            if dropped is not kept:
                batch.duplicates[ledger_key(dropped)] += 1


def _take_trading(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    quotes, orders, executions = batch.quotes, batch.orders, batch.executions
    for event in _decode(batch, place, records, _tradings, _trading):
        if isinstance(event, Marker):
            batch.markers.append((event, place))
        elif isinstance(event, Tally):
            batch.tallies.append(event)
        elif not _is_new(batch, (*place, event.origin.partition), event.origin):
            continue
        elif isinstance(event, Nbbo):
            if quotes.setdefault((event.symbol, event.event_time, event.bid, event.ask), event) is not event:
                batch.duplicates[ledger_key(event)] += 1
        elif isinstance(event, Order):
            if orders.setdefault(event.order_id, event) is not event:
                _take_version(batch, orders, event.order_id, event)
        elif executions.setdefault(event.trade_id, event) is not event:
            _take_version(batch, executions, event.trade_id, event)


def _take_version(batch: Batch, known: dict[str, Version], key: str, event: Version) -> None:
    """Of two versions of an id the greater one is kept."""
    held = known[key]
    kept, dropped = (event, held) if version(event) > version(held) else (held, event)
    known[key] = kept
    batch.duplicates[ledger_key(dropped)] += 1


def first(event: ServiceEvent) -> tuple[int, Origin]:
    """Of several copies of an operational event the least holds: the first in the log."""
    return event.received_at, event.origin


def _take_ticks(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    partition = place[1]
    for event in _decode(batch, place, records, _ticks, _tick):
        if isinstance(event, Marker):
            batch.markers.append((event, (TICKS.name, partition)))
        elif isinstance(event, Tally):
            batch.tallies.append(event)
        elif not _is_new(batch, (TICKS.name, partition, event.origin.partition), event.origin):
            continue
        elif isinstance(event, MarketInfo):
            _take_info(batch, event)
        else:
            _take(batch, event)


def _take_info(batch: Batch, info: MarketInfo) -> None:
    key = info.source, info.symbol, info.event_time, info.info_id
    known = batch.infos.setdefault(key, info)
    if known is not info:
        kept, dropped = (info, known) if info.received_at < known.received_at else (known, info)
        batch.infos[key] = kept
        batch.duplicates[ledger_key(dropped)] += 1


def _decode(
    batch: Batch,
    place: Place,
    records: Sequence[Record],
    together: Callable[[bytes], list[Event]],
    alone: Callable[[bytes], Event],
) -> Iterable[Event]:
    try:
        return together(b"[" + b",".join([record.value or b"null" for record in records]) + b"]")
    except FAULTS:
        return [event for record in records if (event := _read(batch, place, record, alone))]


def _read(batch: Batch, place: Place, record: Record, decode: Callable[[bytes], Event]) -> Event | None:
    """The record's event; one that cannot be read is kept as a dead letter of the writer's own."""
    try:
        return decode(record.value or b"")
    except FAULTS as fault:
        origin, sample = f"{place[0]}/{place[1]}/{record.offset}", (record.value or b"")[:_SAMPLE]
        at, said = record.timestamp * 1000, str(fault).replace("\x00", "")[:500]
        batch.letters.append(Letter(place[1], record.offset, origin, "unknown", "", None, "malformed", said, at, sample))
        return None


def _is_new(batch: Batch, key: MarkKey, origin: Origin) -> bool:
    """Whether the origin is above the mark, which then moves to it."""
    mark = batch.marks.get(key)
    if mark is not None and (origin.epoch, origin.offset, origin.index) <= (mark.epoch, mark.offset, mark.index):
        batch.repeats += 1
        return False
    batch.marks[key] = origin
    return True


def _take(batch: Batch, tick: Tick) -> None:
    if isinstance(tick, Bar):
        _take_bar(batch, tick)
        return
    key = fact_key(tick)
    known = batch.facts.get(key)
    if known is None:
        batch.facts[key] = tick
        return
    kept, dropped = (tick, known) if precedence(tick) < precedence(known) else (known, tick)
    batch.facts[key] = kept
    batch.duplicates[ledger_key(dropped)] += 1


def _take_bar(batch: Batch, bar: Bar) -> None:
    held = batch.bars.setdefault(fact_key(bar), bar)
    if held is not bar:
        batch.bars[fact_key(bar)], dropped = (bar, held) if _said(bar) > _said(held) else (held, bar)
        batch.duplicates[ledger_key(dropped)] += 1


def _said(bar: Bar) -> tuple[int, Origin]:
    """Of several copies of a bar, which is restated, the last one holds: two of one millisecond in the order of the log."""
    return bar.received_at, bar.origin


def fact_key(tick: Tick) -> FactKey:
    """The primary key of a tick; the day as days since 1970."""
    return tick.event_time // DAY, tick.source, tick.symbol, tick.kind, tick_id(tick)


def ledger_key(tick: Dated) -> LedgerKey:
    """Where an event is counted: by source, run and hour of receive time."""
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
    elif isinstance(tick, Bar):
        values = (tick.open, tick.high, tick.low, tick.close, tick.volume, tick.vwap, tick.trade_count, tick.adjusted)
    else:
        index: IndexPrice = tick
        values = (index.event_time, index.sequence, index.price)
    spelled = [normal(value) if value is None or isinstance(value, Decimal) else str(value) for value in values]
    return blake2b("\x1f".join(spelled).encode(), digest_size=8).digest()


def _take_letters(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    partition = place[1]
    for record in records:
        if control_kind(record.headers) == "marker":
            if marker := _read(batch, place, record, _marker):
                batch.markers.append((marker, place))
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


_TAKES: dict[str, Callable[[Batch, Place, Sequence[Record]], None]] = {
    TICKS.name: _take_ticks,
    CANDLES.name: _take_closings,
    OPS_EVENTS.name: _take_service_events,
    TRADING_EVENTS.name: _take_trading,
    MINUTES.name: _take_minute_closings,
    DEAD_LETTERS.name: _take_letters,
    RUNS.name: _take_runs,
    SOURCES.name: _take_sources,
    FLAGS.name: _take_flags,
}
