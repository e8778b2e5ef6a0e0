"""What markets said, what the platform makes of it, and what it doubts."""

from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from shared.events.origin import NOWHERE, Origin
from shared.storable import NAME, Int64, Micros, keep_storable, whole_or_none

Kind = Literal["trade", "quote", "index", "bar"]
Side = Literal["buy", "sell"]


class Trade(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="trade", omit_defaults=True):
    """One execution. `side` is the aggressor's; `trade_id` is the venue's own or, where it gives none, a hash of the values."""

    kind: ClassVar[Kind] = "trade"
    symbol: str
    native_symbol: str
    event_time: Micros  # us; 0 where the venue gives none
    price: Decimal
    size: Decimal
    side: Side | None = None
    trade_id: str = ""
    sequence: Int64 = 0
    source: str = ""
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None


class Quote(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="quote", omit_defaults=True):
    """The best bid and offer at a venue; sizes where it gives them."""

    kind: ClassVar[Kind] = "quote"
    symbol: str
    native_symbol: str
    event_time: Micros  # us; 0 where the venue gives none
    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    quote_id: str = ""
    sequence: Int64 = 0
    source: str = ""
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None


class IndexPrice(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="index", omit_defaults=True):
    """A reference price that is no execution: an aggregator's, a ticker endpoint's, an exchange rate."""

    kind: ClassVar[Kind] = "index"
    symbol: str
    native_symbol: str
    event_time: Micros  # us; 0 where the venue gives none
    price: Decimal
    index_id: str = ""
    sequence: Int64 = 0
    source: str = ""
    received_at: Micros = 0  # us
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
    event_time: Micros  # us, the start
    interval: Int64  # us
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None = None
    trade_count: Int64 = 0
    adjusted: bool = False  # for splits
    bar_id: str = ""
    sequence: Int64 = 0
    source: str = ""
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    late: bool = False
    run: str | None = None


Tick = Trade | Quote | IndexPrice | Bar


class MarketInfo(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="info", omit_defaults=True):
    """What an aggregator says of a coin besides its price, in the symbol's quote currency; changes in percent. No candle is made of it."""

    symbol: str
    native_symbol: str
    event_time: Micros  # us; 0 where the venue gives none
    name: str
    rank: int | None = None
    market_cap: Decimal | None = None
    volume_24h: Decimal | None = None  # rolling: never summed
    change_1h: Decimal | None = None
    change_24h: Decimal | None = None
    change_7d: Decimal | None = None
    info_id: str = ""
    source: str = ""
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None

    def __post_init__(self) -> None:
        for name in ("native_symbol", "name"):
            keep_storable(self, name, NAME)
        msgspec.structs.force_setattr(self, "rank", whole_or_none(self.rank))


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
    interval: Int64  # us
    start: Micros  # us
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    quote_volume: Decimal | None
    buy_volume: Decimal | None
    sell_volume: Decimal | None
    trade_count: Int64
    tick_count: Int64
    late_count: Int64
    first: tuple[Micros, Int64, str]
    last: tuple[Micros, Int64, str]
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
    interval: Int64
    start: Micros
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
    start: Micros  # us
    since: Micros  # us
    ticks: Int64  # flagged so far; a stale source has none
    price: Decimal | None = None  # of the first
    reference: Decimal | None = None  # what it was held against
    first: Origin = NOWHERE
    last: Origin = NOWHERE
    end: Micros | None = None  # us; none: it stands
