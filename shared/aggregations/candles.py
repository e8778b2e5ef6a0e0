"""Candles: the fold of distinct ticks of one source, symbol and kind over a UTC-aligned window.

Open and close are the extremes by (event_time, sequence, id), never by arrival, so any order, split or repetition gives the same candle.
A quote's price is its mid. A bar gives its own open, high, low, close and volume. Volumes exist for trades and bars only; of bars nobody
knows who bought. Sums are exact: they never round.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from operator import mul
from typing import cast

import msgspec

from shared.events import NOWHERE, Bar, Candle, GivenUp, IndexPrice, Kind, Origin, Quote, Side, Tick, Trade
from shared.money import EXACT, ZERO, quotient
from shared.time import MINUTE, floor

_TICK = 6  # fields of a row that is no bar's
HALF = Decimal("0.5")
Key = tuple[str, str, Kind, int]  # source, symbol, kind, start in us
_Volumes = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]


# What a candle takes from a tick: its event time, sequence and id, its price, and for trades the size and the aggressor's side.
# A plain tuple, since millions are made a minute and a named one takes several times as long to make.
Row = tuple[int, int, str, Decimal, Decimal | None, Side | None]
# Of a bar: its close is the price, and what follows are its open, high, low, the sum of price * size, and its number of trades.
BarRow = tuple[int, int, str, Decimal, Decimal, None, Decimal, Decimal, Decimal, Decimal | None, int]


class Fold:
    """The growing fold of one window: `extend` it by rows of distinct ticks, read `partial`."""

    __slots__ = ("buy", "close", "count", "first", "high", "last", "late", "low", "open", "quote", "sell", "trades", "volume")

    def __init__(self) -> None:
        self.count = self.late = self.trades = 0
        self.volume = self.buy = self.sell = ZERO
        self.quote: Decimal | None = ZERO
        self.open = self.high = self.low = self.close = ZERO
        self.first: tuple[int, int, str] = (0, 0, "")
        self.last: tuple[int, int, str] = (0, 0, "")

    def extend(self, rows: Sequence[Row] | Sequence[BarRow], late: int = 0) -> None:
        """Adds rows in bulk, `late` of them late. An id makes positions distinct, so comparing rows never reaches their prices."""
        if not rows:
            return
        if len(rows[0]) > _TICK:
            self._bars(cast(Sequence[BarRow], rows), late)
            return
        ticks = cast(Sequence[Row], rows)
        first, last = min(ticks), max(ticks)
        prices = [row[3] for row in ticks]
        self._prices(first, first[3], last, max(prices), min(prices))
        self.count += len(ticks)
        self.late += late
        if ticks[0][4] is not None:
            self._trade(ticks, prices)

    def _prices(self, first: Row | BarRow, opening: Decimal, last: Row | BarRow, high: Decimal, low: Decimal) -> None:
        if not self.count or first[:3] < self.first:
            self.first, self.open = first[:3], opening
        if not self.count or last[:3] > self.last:
            self.last, self.close = last[:3], last[3]
        self.high = high if not self.count or high > self.high else self.high
        self.low = low if not self.count or low < self.low else self.low

    def _bars(self, rows: Sequence[BarRow], late: int) -> None:
        first = min(rows)
        self._prices(first, first[6], max(rows), max(row[7] for row in rows), min(row[8] for row in rows))
        self.count += len(rows)
        self.late += late
        self.trades += sum(row[10] for row in rows)
        amounts = [row[9] for row in rows]
        known = [amount for amount in amounts if amount is not None]
        with localcontext(EXACT):
            self.volume = sum([row[4] for row in rows], self.volume)
            self.quote = None if self.quote is None or len(known) < len(amounts) else sum(known, self.quote)

    def _trade(self, rows: Sequence[Row], prices: list[Decimal]) -> None:
        sizes = [row[4] or ZERO for row in rows]
        self.trades += len(rows)
        with localcontext(EXACT):
            self.volume = sum(sizes, self.volume)
            self.quote = sum(map(mul, prices, sizes), self.quote or ZERO)
            self.buy = sum([size for row, size in zip(rows, sizes, strict=True) if row[5] == "buy"], self.buy)
            self.sell = sum([size for row, size in zip(rows, sizes, strict=True) if row[5] == "sell"], self.sell)

    def partial(self, key: Key, *, closed: bool = False, last_origin: Origin = NOWHERE) -> Candle:
        """The candle of everything added."""
        *_, kind, start = key
        volumes: _Volumes = (None, None, None, None)
        if kind == "trade":
            volumes = (self.volume, self.quote, self.buy, self.sell)
        elif kind == "bar":
            volumes = (self.volume, self.quote, None, None)
        prices = (self.open, self.high, self.low, self.close)
        counts = (self.trades, self.count, self.late)
        return Candle(*key[:3], MINUTE, start, *prices, *volumes, *counts, self.first, self.last, closed, False, last_origin)


def key(tick: Tick) -> Key:
    """The one-minute window of a tick."""
    return tick.source, tick.symbol, tick.kind, floor(tick.event_time, MINUTE)


def closes(key: Key) -> int:
    """The watermark at which a window closes: its end. A bar is said after its end, and restated: its window is open for a minute more."""
    return key[3] + (2 * MINUTE if key[2] == "bar" else MINUTE)


def reached(tick: Tick) -> int:
    """The time that a source has reached: a bar tells of all that happened until its end."""
    return tick.event_time + tick.interval if isinstance(tick, Bar) else tick.event_time


def row(tick: Tick) -> Row | BarRow:
    """What a candle takes from a tick."""
    if type(tick) is Trade:
        return tick.event_time, tick.sequence, tick.trade_id, tick.price, tick.size, tick.side
    if isinstance(tick, Quote):
        return tick.event_time, tick.sequence, tick.quote_id, EXACT.multiply(EXACT.add(tick.bid, tick.ask), HALF), None, None
    if isinstance(tick, Bar):
        amount = None if tick.vwap is None else EXACT.multiply(tick.vwap, tick.volume)
        prices = (tick.open, tick.high, tick.low, amount, tick.trade_count)
        return (tick.event_time, tick.sequence, tick.bar_id, tick.close, tick.volume, None, *prices)
    index: IndexPrice = tick  # type: ignore[assignment]
    return index.event_time, index.sequence, index.index_id, index.price, None, None


def given_up(window: Key, last_origin: Origin) -> GivenUp:
    """What the stream says of a window that it no longer holds."""
    return GivenUp(*window[:3], MINUTE, window[3], last_origin)


def fold(ticks: Iterable[Tick]) -> dict[Key, Candle]:
    """The candles of distinct ticks."""
    return {window: whole(window, held) for window, held in group(ticks).items()}


def group(ticks: Iterable[Tick]) -> dict[Key, list[Tick]]:
    """Ticks by their window."""
    windows: dict[Key, list[Tick]] = {}
    for tick in ticks:
        time = tick.event_time
        window = (tick.source, tick.symbol, tick.kind, time - time % MINUTE)
        held = windows.get(window)
        if held is None:
            held = windows[window] = []
        held.append(tick)
    return windows


def whole(window: Key, ticks: Sequence[Tick]) -> Candle:
    """The candle of distinct ticks of one window."""
    found = Fold()
    found.extend(cast(Sequence[Row], [row(tick) for tick in ticks]), [tick.late for tick in ticks].count(True))
    return found.partial(window)


def merge(a: Candle, b: Candle) -> Candle:
    """The candle of the ticks of both, which must share none. Closed if either is."""
    return Candle(
        a.source,
        a.symbol,
        a.kind,
        a.interval,
        min(a.start, b.start),
        a.open if a.first <= b.first else b.open,
        max(a.high, b.high),
        min(a.low, b.low),
        a.close if a.last >= b.last else b.close,
        _sum(a.volume, b.volume),
        _sum(a.quote_volume, b.quote_volume),
        _sum(a.buy_volume, b.buy_volume),
        _sum(a.sell_volume, b.sell_volume),
        a.trade_count + b.trade_count,
        a.tick_count + b.tick_count,
        a.late_count + b.late_count,
        min(a.first, b.first),
        max(a.last, b.last),
        a.is_closed or b.is_closed,
        a.from_store or b.from_store,
        max(a.last_origin, b.last_origin),
    )


def coarsen(minutes: Iterable[Candle], interval: int) -> list[Candle]:
    """One-minute candles of one source, symbol and kind merged to `interval` us, in order; closed only if every part is."""
    groups: dict[int, Candle] = {}
    for minute in minutes:
        start = floor(minute.start, interval)
        part = msgspec.structs.replace(minute, start=start, interval=interval)
        whole = groups.get(start)
        groups[start] = part if whole is None else msgspec.structs.replace(merge(whole, part), is_closed=whole.is_closed and part.is_closed)
    return [groups[start] for start in sorted(groups)]


def vwap(candle: Candle) -> Decimal | None:
    """Volume-weighted average price, 12 places; None without volume."""
    if candle.volume is None or candle.quote_volume is None:
        return None
    return quotient(candle.quote_volume, candle.volume)


def same(a: Candle, b: Candle) -> bool:
    """Whether two candles hold the same values; closing, lateness and origin apart."""
    return all(getattr(a, name) == getattr(b, name) for name in COMPARED)


COMPARED = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "buy_volume",
    "sell_volume",
    "trade_count",
    "tick_count",
    "first",
    "last",
)


def _sum(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    return None if a is None or b is None else EXACT.add(a, b)
