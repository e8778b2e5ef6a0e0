"""Candles: the fold of distinct ticks of one source, symbol and kind over a UTC-aligned window.

Open and close are the extremes by (event_time, sequence, id), never by arrival, so any order, split or repetition gives the same candle.
A quote's price is its mid. Volumes exist for trades only. Sums are exact: they never round.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from shared.events import NOWHERE, Candle, Kind, Origin, Quote, Side, Tick, Trade
from shared.money import EXACT, ZERO, quotient
from shared.time import MINUTE, floor

HALF = Decimal("0.5")
Key = tuple[str, str, Kind, int]  # source, symbol, kind, start in us
_Volumes = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]


class Fold:
    """The growing fold of one window; `add` distinct ticks, read `candle`."""

    __slots__ = ("buy", "close", "count", "first", "high", "last", "late", "low", "open", "quote", "sell", "volume")

    def __init__(self) -> None:
        self.count = self.late = 0
        self.volume = self.quote = self.buy = self.sell = ZERO
        self.open = self.high = self.low = self.close = ZERO
        self.first: tuple[int, int, str] = (0, 0, "")
        self.last: tuple[int, int, str] = (0, 0, "")

    def add(self, at: tuple[int, int, str], price: Decimal, size: Decimal | None, side: Side | None, late: bool) -> None:
        """One tick at `at` = (event_time, sequence, id)."""
        if not self.count:
            self.first = self.last = at
            self.open = self.high = self.low = self.close = price
        else:
            if at < self.first:
                self.first, self.open = at, price
            if at > self.last:
                self.last, self.close = at, price
            if price > self.high:
                self.high = price
            elif price < self.low:
                self.low = price
        self.count += 1
        self.late += late
        if size is not None:
            self.volume = EXACT.add(self.volume, size)
            self.quote = EXACT.fma(price, size, self.quote)
            if side == "buy":
                self.buy = EXACT.add(self.buy, size)
            elif side == "sell":
                self.sell = EXACT.add(self.sell, size)

    def candle(self, key: Key, *, closed: bool = False, last_origin: Origin = NOWHERE) -> Candle:
        """The candle of everything added."""
        source, symbol, kind, start = key
        volumes: _Volumes = (self.volume, self.quote, self.buy, self.sell) if kind == "trade" else (None, None, None, None)
        prices = (self.open, self.high, self.low, self.close)
        counts = (self.count if kind == "trade" else 0, self.count, self.late)
        return Candle(*key[:3], MINUTE, start, *prices, *volumes, *counts, self.first, self.last, closed, False, last_origin)


def key(tick: Tick) -> Key:
    """The one-minute window of a tick."""
    return tick.source, tick.symbol, tick.kind, floor(tick.event_time, MINUTE)


def values(tick: Tick) -> tuple[tuple[int, int, str], Decimal, Decimal | None, Side | None]:
    """Position, price, size and side of a tick, as `Fold.add` takes them."""
    if isinstance(tick, Trade):
        return (tick.event_time, tick.sequence, tick.trade_id), tick.price, tick.size, tick.side
    if isinstance(tick, Quote):
        return (tick.event_time, tick.sequence, tick.quote_id), EXACT.multiply(EXACT.add(tick.bid, tick.ask), HALF), None, None
    return (tick.event_time, tick.sequence, tick.index_id), tick.price, None, None


def fold(ticks: Iterable[Tick]) -> dict[Key, Candle]:
    """The candles of distinct ticks."""
    folds: dict[Key, Fold] = {}
    for tick in ticks:
        window = key(tick)
        at = folds.get(window)
        if at is None:
            at = folds[window] = Fold()
        at.add(*values(tick), tick.late)
    return {window: found.candle(window) for window, found in folds.items()}


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


def same_ticks(a: Candle, b: Candle) -> bool:
    """Whether two candles hold the same values; closing, lateness and origin apart."""
    return all(getattr(a, name) == getattr(b, name) for name in COMPARED)


COMPARED = ("open", "high", "low", "close", "volume", "quote_volume", "buy_volume", "sell_volume", "trade_count", "tick_count", "first", "last")


def _sum(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    return None if a is None or b is None else EXACT.add(a, b)
