"""What a batch comes to, and the keys of what is in it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import msgspec

from shared.events import (
    Bar,
    Candle,
    Execution,
    Flag,
    GivenUp,
    Hole,
    Marker,
    MarketInfo,
    MinuteGivenUp,
    Nbbo,
    Order,
    Origin,
    Run,
    ServiceEvent,
    ServiceMinute,
    SourceState,
    Tally,
    Tick,
    tick_id,
)
from shared.time import DAY, HOUR

Place = tuple[str, int]  # topic, partition
MarkKey = tuple[str, int, int]  # topic, derived partition, raw partition
LedgerKey = tuple[str, str, int]  # source, run, hour
FactKey = tuple[int, str, str, str, str]  # day, source, symbol, kind, id
InfoKey = tuple[str, str, int, str]  # source, symbol, event time, id
FlagKey = tuple[str, str, str, str, Origin]  # source, symbol, kind, flag, first
QuoteKey = tuple[str, int] | tuple[str, int, Decimal, Decimal]  # symbol, event time; bid and ask too of another one of that time
HoleKey = tuple[str, str, str, int]  # source, symbol, kind, first id or start
Dated = Tick | MarketInfo | ServiceEvent | Order | Execution | Nbbo


class Letter(msgspec.Struct, frozen=True):
    """What the store keeps of a dead letter: `count` values of its record that were rejected for one reason.

    `origin` is that of the first of them; `others` names more of them, as JSON: [[index, message], …].
    """

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
    count: int = 1
    others: str = "[]"


class Rejection(NamedTuple):
    """A record as a dead letter: what the store keeps of it, and what is published."""

    letter: Letter
    partition: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


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
    rejected: list[Rejection] = field(default_factory=list)  # by the writer itself
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


def fact_key(tick: Tick) -> FactKey:
    """The primary key of a tick; the day as days since 1970."""
    return tick.event_time // DAY, tick.source, tick.symbol, tick.kind, tick_id(tick)


def counted(events: Collection[Dated]) -> Counter[LedgerKey]:
    """How many of these events of one source are counted where; most are of one run and one hour."""
    hours = {at // HOUR for at in {event.received_at for event in events}}
    if len(hours) == len({event.run for event in events}) == 1:
        return Counter({ledger_key(next(iter(events))): len(events)})
    return Counter(map(ledger_key, events))


def ledger_key(tick: Dated) -> LedgerKey:
    """Where an event is counted: by source, run and hour of receive time."""
    return tick.source, tick.run or "", tick.received_at - tick.received_at % HOUR
