"""The events of every topic: frozen, tagged msgspec structs, JSON on the wire; unknown fields are ignored when read.

Money is `Decimal` (a string in JSON), time is integer microseconds since 1970 UTC. A provider's parser fills what the venue said; the
transformer adds the envelope (`source` to `run`).
"""

from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

Kind = Literal["trade", "quote", "index", "bar"]
Side = Literal["buy", "sell"]


class Origin(msgspec.Struct, frozen=True, gc=False, array_like=True, order=True):
    """Where a derived record came from: the raw partition's epoch, the partition, the offset, the index among the parsed values."""

    epoch: int
    partition: int
    offset: int
    index: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}/{self.partition}/{self.offset}/{self.index}"


NOWHERE = Origin(0, -1, -1, 0)


class Trade(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="trade", omit_defaults=True):
    """One execution. `side` is the aggressor's; `trade_id` is the venue's own or, where it gives none, a hash of the values."""

    kind: ClassVar[Kind] = "trade"
    symbol: str
    native_symbol: str
    event_time: int  # us; 0 where the venue gives none
    price: Decimal
    size: Decimal
    side: Side | None = None
    trade_id: str = ""
    sequence: int = 0
    source: str = ""
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None


class Quote(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="quote", omit_defaults=True):
    """The best bid and offer at a venue; sizes where it gives them."""

    kind: ClassVar[Kind] = "quote"
    symbol: str
    native_symbol: str
    event_time: int  # us; 0 where the venue gives none
    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    quote_id: str = ""
    sequence: int = 0
    source: str = ""
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None


class IndexPrice(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="index", omit_defaults=True):
    """A reference price that is no execution: an aggregator's, a ticker endpoint's, an exchange rate."""

    kind: ClassVar[Kind] = "index"
    symbol: str
    native_symbol: str
    event_time: int  # us; 0 where the venue gives none
    price: Decimal
    index_id: str = ""
    sequence: int = 0
    source: str = ""
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None


class Bar(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="bar", omit_defaults=True):
    """What traded in [event_time, event_time + interval), summed up by the venue. A source's bars all have one interval.

    Its start is its identity, so a venue that says another thing of the same time restates it: the newest of several copies holds. Its
    `sequence` is its receive time.
    """

    kind: ClassVar[Kind] = "bar"
    symbol: str
    native_symbol: str
    event_time: int  # us, the start
    interval: int  # us
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None = None
    trade_count: int = 0
    adjusted: bool = False  # for splits
    bar_id: str = ""
    sequence: int = 0
    source: str = ""
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None


Tick = Trade | Quote | IndexPrice | Bar


class MarketInfo(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="info", omit_defaults=True):
    """What an aggregator says of a coin besides its price, in the symbol's quote currency; changes in percent. No candle is made of it."""

    symbol: str
    native_symbol: str
    event_time: int  # us; 0 where the venue gives none
    name: str
    rank: int | None = None
    market_cap: Decimal | None = None
    volume_24h: Decimal | None = None  # rolling: never summed
    change_1h: Decimal | None = None
    change_24h: Decimal | None = None
    change_7d: Decimal | None = None
    info_id: str = ""
    source: str = ""
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None


Fact = Tick | MarketInfo  # what a provider's response may say


def tick_id(tick: Tick) -> str:
    """The identity of a tick within its source, symbol and kind."""
    if isinstance(tick, Trade):
        return tick.trade_id
    return tick.quote_id if isinstance(tick, Quote) else tick.bar_id if isinstance(tick, Bar) else tick.index_id


class Candle(msgspec.Struct, frozen=True, gc=False, tag_field="kind_of", tag="candle", omit_defaults=True):
    """Open, high, low, close of a source's symbol over [start, start + interval), with what its merge needs.

    Volumes are null for kinds that have none (quote, index). `first` and `last` are (event_time, sequence, id) of the extremes.
    `revision` is the number of distinct ticks, of a bar's candle the receive time of the bar; of two candles the one with the greater
    (revision, is_closed, from_store) holds.
    """

    source: str
    symbol: str
    kind: Kind
    interval: int  # us
    start: int  # us
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    quote_volume: Decimal | None
    buy_volume: Decimal | None
    sell_volume: Decimal | None
    trade_count: int
    tick_count: int
    late_count: int
    first: tuple[int, int, str]
    last: tuple[int, int, str]
    is_closed: bool = False
    from_store: bool = False
    last_origin: Origin = NOWHERE

    @property
    def revision(self) -> int:
        """Grows with every distinct tick, and where a bar is restated."""
        return self.last[1] if self.kind == "bar" else self.tick_count

    @property
    def end(self) -> int:
        """The first microsecond after the window."""
        return self.start + self.interval


class GivenUp(msgspec.Struct, frozen=True, tag_field="kind_of", tag="given_up"):
    """A live window that the stream no longer holds: the store closes it once the ticks up to `last_origin` are in."""

    source: str
    symbol: str
    kind: Kind
    interval: int
    start: int
    last_origin: Origin


FlagName = Literal["crossed", "diverging", "frozen", "spike", "stale"]


class Flag(msgspec.Struct, frozen=True, tag_field="kind_of", tag="flag", omit_defaults=True):
    """What was found doubtful in the live ticks of a source's symbol and kind, as one episode: consecutive ticks with the same doubt.

    Times are receive times. `start` is when it was raised, `since` when what it tells of began, `end` that of the first tick without it.
    `first` and `last` are the ticks flagged; of a stale source, the last one heard. Of two with one (source, symbol, kind, flag, first) the
    one that has ended, else the one with more ticks, holds.
    """

    source: str
    symbol: str
    kind: Kind
    flag: FlagName
    start: int  # us
    since: int  # us
    ticks: int  # flagged so far; a stale source has none
    price: Decimal | None = None  # of the first
    reference: Decimal | None = None  # what it was held against
    first: Origin = NOWHERE
    last: Origin = NOWHERE
    end: int | None = None  # us; none: it stands


class ServiceEvent(msgspec.Struct, frozen=True, tag_field="kind", tag="service_event", omit_defaults=True):
    """Something that a service did for somebody. `nulled` names the fields that were given and could not be used."""

    event_id: str
    service: str
    event_type: str
    event_time: int  # us
    timestamp: str  # as it was given
    latency_ms: Decimal | None = None
    status_code: int | None = None
    user_id: str | None = None
    region: str | None = None
    schema_version: int = 1  # as it was given
    extra: dict[str, msgspec.Raw] = {}  # fields that its version does not have, as JSON
    nulled: tuple[str, ...] = ()
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None

    @property
    def source(self) -> str:
        """Who said it."""
        return self.service


class ServiceMinute(msgspec.Struct, frozen=True, tag_field="kind_of", tag="service_minute", omit_defaults=True):
    """What a service did in [start, start + 1 minute), with what its merge needs.

    `latencies` is a histogram: (bucket, count), by bucket. `revision` is the number of distinct events; of two minutes the one with the
    greater (revision, is_closed, from_store) holds.
    """

    service: str
    start: int  # us
    request_count: int
    latency_count: int
    latency_sum: Decimal  # ms
    status_count: int
    error_count: int
    late_count: int
    latencies: tuple[tuple[int, int], ...]
    is_closed: bool = False
    from_store: bool = False
    last_origin: Origin = NOWHERE

    @property
    def revision(self) -> int:
        """Grows with every distinct event."""
        return self.request_count


class MinuteGivenUp(msgspec.Struct, frozen=True, tag_field="kind_of", tag="minute_given_up"):
    """A live window that the stream no longer holds: the store closes it once the events up to `last_origin` are in."""

    service: str
    start: int
    last_origin: Origin


Action = Literal["new", "correct", "cancel", "bust"]


class Order(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order", omit_defaults=True):
    """What somebody wanted bought or sold. Of several versions of an id the greatest (action, action_time, content) holds."""

    source: ClassVar[str] = "orders"
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None  # null: at the market
    event_time: int  # us
    destination: str = ""
    action: Action = "new"
    action_time: int = 0  # us
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None


class Execution(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="execution", omit_defaults=True):
    """A part of an order that was executed; versions as of an order."""

    source: ClassVar[str] = "trades"
    trade_id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    event_time: int  # us
    destination: str = ""
    action: Action = "new"
    action_time: int = 0  # us
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None


class Nbbo(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="nbbo", omit_defaults=True):
    """The national best bid and offer of a symbol from a time on. Its values are its identity."""

    source: ClassVar[str] = "nbbo"
    symbol: str
    bid: Decimal
    ask: Decimal
    event_time: int  # us
    received_at: int = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None


class Fill(msgspec.Struct, frozen=True, tag_field="kind_of", tag="fill", omit_defaults=True):
    """An execution priced against the quote it met, as it now stands; of two with one trade_id the greater revision holds."""

    trade_id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    event_time: int  # us
    destination: str
    void: bool  # cancelled or busted
    revision: int
    quote_time: int | None = None  # us
    bid: Decimal | None = None
    ask: Decimal | None = None
    pi_dollars: Decimal | None = None


class OrderSummary(msgspec.Struct, frozen=True, tag_field="kind_of", tag="order_summary", omit_defaults=True):
    """What an order has come to; of two with one order_id the greater revision holds."""

    order_id: str
    symbol: str
    side: Side
    destination: str
    total_order_qty: Decimal
    filled_qty: Decimal
    notional: Decimal  # the sum of price * quantity
    total_pi_dollars: Decimal
    fill_count: int
    unpriced: int
    mismatched: int  # fills of another symbol or side
    cancelled: bool
    revision: int


class Marker(msgspec.Struct, frozen=True, tag_field="kind", tag="marker", omit_defaults=True):
    """The end of a run in one raw partition, copied to every partition of the derived topics."""

    run: str
    topic: str  # the raw topic
    partitions: list[int]  # every raw partition the run used
    status: Literal["finished", "aborted"]
    source: str = ""
    sent: int = 0  # rows the fetcher published, in all
    message: str = ""
    origin: Origin = NOWHERE
    rejected: int = 0  # rows the fetcher dead-lettered itself, in all; not among `sent`


class Count(msgspec.Struct, frozen=True, array_like=True):
    """What one source, run and hour of receive time had in a block of raw offsets."""

    source: str
    run: str
    hour: int  # us
    received: int
    rejected: int
    ignored: int  # control frames and message types the platform does not take


class Tally(msgspec.Struct, frozen=True, tag_field="kind", tag="tally", omit_defaults=True):
    """Counts over raw offsets [block * 4096, upto); a greater `upto` of the same block replaces it. `lost` is a hole in the log."""

    topic: str
    partition: int
    epoch: int
    block: int
    upto: int
    counts: list[Count]
    lost: tuple[int, int] | None = None


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True):
    """Connected, and everything received before this record is acknowledged. Older epochs than the newest seen are ignored."""

    source: str
    epoch: int
    received: int = 0
    acknowledged: int = 0


class Closed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The owner stops the source for good."""

    source: str
    epoch: int


class Connection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A connect, a disconnect or a gap of a source, as its owner saw it."""

    source: str
    epoch: int
    state: Literal["connected", "disconnected", "gap"]
    reason: str = ""
    lost: int = 0


class Gap(msgspec.Struct, frozen=True, omit_defaults=True):
    """Receive times in [start, end) us during which a source may have said what was not kept."""

    start: int
    end: int
    reason: str


class Missing(msgspec.Struct, frozen=True, array_like=True):
    """Trade ids [first, last] of a symbol that have not been received; `left` are those still wanted."""

    first: int
    last: int
    start: int  # us, event time of the trade before
    end: int  # us, event time of the trade behind
    found_at: int  # us
    reason: str
    left: tuple[tuple[int, int], ...]
    after: int  # us; what is left was not executed before
    told: bool = False  # on the ledger


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """How far the trade ids of a symbol are known: up to `last`, executed at `at` us, but for what is missing."""

    last: int
    at: int
    missing: tuple[Missing, ...] = ()


class SourceState(msgspec.Struct, frozen=True, tag_field="type", tag="source", omit_defaults=True):
    """What a source's owner knows of it. `at`: everything received until then is acknowledged. `gap`: the one that has just ended.

    `progress` is the checkpoint, by native symbol: everything it counts as received is acknowledged. `left` is the state of a source that
    goes on elsewhere.
    """

    source: str
    provider: str
    epoch: int
    state: Literal["connected", "disconnected", "left", "closed"]
    at: int  # us
    received: int = 0
    acknowledged: int = 0
    connects: int = 0
    reason: str = ""
    gap: Gap | None = None
    begun_at: int = 0  # us, when the first owner's first connection was up
    progress: dict[str, Progress] = {}


class Hole(msgspec.Struct, frozen=True, tag_field="type", tag="hole", omit_defaults=True):
    """What a source said, or may have said, and was not received; of two with one key the later record holds.

    With trade ids it is [first, last] of a symbol; without (0), all of the kind between two times, of every symbol where that is empty.
    """

    source: str
    symbol: str
    kind: Kind
    start: int  # us
    end: int  # us
    state: Literal["open", "repaired", "lost"]
    reason: str
    found_at: int  # us
    first: int = 0
    last: int = 0
    ended_at: int = 0  # us; 0 while it is open
    requests: int = 0
    message: str = ""


class SourceWanted(msgspec.Struct, frozen=True, tag_field="type", tag="wanted", omit_defaults=True):
    """A source as it was last asked for at run time; it holds over the settings. Null: the source is not to run."""

    source: str
    at: int  # us
    settings: dict[str, Any] | None = None


RunKind = Literal["prices", "frames", "events", "orders", "replay", "snapshot", "daily", "backfill"]
RunStatus = Literal["requested", "running", "published", "finished", "failed"]


class Run(msgspec.Struct, frozen=True, tag_field="type", tag="run", omit_defaults=True):
    """A fetch, an ingest or a replay: the whole request, its progress and its result."""

    run_id: str
    run_kind: RunKind
    status: RunStatus
    source: str
    requested_at: int  # us
    updated_at: int  # us
    request: dict[str, Any] = {}
    sent: int = 0
    bytes_read: int = 0
    bytes_total: int = 0
    attempts: int = 0
    message: str = ""
    result: dict[str, Any] = {}
    checkpoint: dict[str, Any] = {}  # where a successor goes on


TickRecord = Trade | Quote | IndexPrice | Bar | MarketInfo | Marker | Tally
CandleRecord = Candle | GivenUp
ServiceRecord = ServiceEvent | Marker | Tally
MinuteRecord = ServiceMinute | MinuteGivenUp
TradingRecord = Order | Execution | Nbbo | Marker | Tally
SourceRecord = SourceState | Hole | SourceWanted
