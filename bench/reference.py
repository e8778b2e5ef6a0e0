"""The candles that must come of a market, and the comparison with what came; none of the platform's code is used. Pure.

Sums are integers (cents, ten-thousandths and their product), so they are exact.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bench.market import MINUTE_MS, Trade

Window = tuple[str, int]  # native symbol, start in ms
GRACE_MS = 5_000
CENT, LOT = Decimal("0.01"), Decimal("0.0001")


@dataclass(slots=True)
class Candle:
    """One window, in cents and lots; `opens` and `closes` hold every price at the first and the last millisecond."""

    first: tuple[int, int]
    last: tuple[int, int]
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    worth: int = 0
    bought: int = 0
    count: int = 0
    opens: set[int] = field(default_factory=set)
    closes: set[int] = field(default_factory=set)

    def add(self, trade: Trade) -> None:
        """Takes a trade of the window; open and close are the extremes by (time, number)."""
        place = (trade.at, trade.number)
        self._extremes(trade)
        if place < self.first:
            self.first, self.open = place, trade.cents
        if place > self.last:
            self.last, self.close = place, trade.cents
        self.high, self.low = max(self.high, trade.cents), min(self.low, trade.cents)
        self.lots += trade.lots
        self.worth += trade.cents * trade.lots
        self.bought += 0 if trade.maker else trade.lots
        self.count += 1

    def _extremes(self, trade: Trade) -> None:
        if trade.at < self.first[0]:
            self.opens = set()
        if trade.at > self.last[0]:
            self.closes = set()
        if trade.at <= self.first[0]:
            self.opens.add(trade.cents)
        if trade.at >= self.last[0]:
            self.closes.add(trade.cents)

    def values(self) -> tuple[Any, ...]:
        """Open, high, low, close, volume, quote volume, bought, sold, count: exact."""
        prices = (self.open * CENT, self.high * CENT, self.low * CENT, self.close * CENT)
        sizes = (self.lots * LOT, self.worth * CENT * LOT, self.bought * LOT, (self.lots - self.bought) * LOT)
        return (*prices, *sizes, self.count)


def candles(trades: Iterable[Trade]) -> dict[Window, Candle]:
    """Every one-minute window that has trades."""
    found: dict[Window, Candle] = {}
    for trade in trades:
        window = (trade.symbol, trade.at - trade.at % MINUTE_MS)
        candle = found.get(window)
        if candle is None:
            place = (trade.at, trade.number)
            candle = found[window] = Candle(place, place, trade.cents, trade.cents, trade.cents, trade.cents)
        candle.add(trade)
    return found


def closed_inside(expected: Mapping[Window, Candle]) -> dict[Window, Candle]:
    """The windows whose end and 5 s of grace have passed within their symbol's own trades: whatever clock a peer has, it closed them."""
    newest: dict[str, int] = {}
    for (symbol, _), candle in expected.items():
        newest[symbol] = max(newest.get(symbol, 0), candle.last[0])
    return {window: candle for window, candle in expected.items() if window[1] + MINUTE_MS + GRACE_MS <= newest[window[0]]}


def compare(expected: Mapping[Window, Candle], found: Iterable[tuple[Window, tuple[Any, ...]]]) -> str | None:
    """What is wrong with exact candles, each window of which must have come, and as often as it likes with the same values."""
    seen: dict[Window, tuple[Any, ...]] = {}
    for window, values in found:
        if window not in expected:
            return f"a candle of {window} that has no trades"
        if values != expected[window].values():
            return f"candle of {window} is {values}, not {expected[window].values()}"
        seen[window] = values
    return _missing(len(expected), len(seen))


def compare_peer(expected: Mapping[Window, Candle], found: Iterable[Mapping[str, Any]]) -> str | None:
    """The same for a peer's candles in floats, whose open and close may be any price of that millisecond; further windows are ignored."""
    seen: set[Window] = set()
    for candle in found:
        window = (str(candle["symbol"]), int(candle["start"]))
        if window not in expected:
            continue
        if not _matches(candle, expected[window]):
            return f"candle of {window} is {dict(candle)}, not {expected[window].values()}"
        seen.add(window)
    return _missing(len(expected), len(seen))


def _matches(candle: Mapping[str, Any], wanted: Candle) -> bool:
    near = _near(candle["volume"], wanted.lots / 1e4) and _near(candle["vwap"], wanted.worth / wanted.lots / 1e2)
    prices = {name: round(candle[name] * 100) for name in ("open", "high", "low", "close")}
    inside = prices["open"] in wanted.opens and prices["close"] in wanted.closes
    return near and inside and (prices["high"], prices["low"], candle["count"]) == (wanted.high, wanted.low, wanted.count)


def _near(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= 1e-6 * max(1.0, abs(wanted))


def _missing(expected: int, found: int) -> str | None:
    return None if found == expected else f"{found} of {expected} windows came"
