"""A seeded market and what must come of it, computed without any of the platform's code.

Trades of several symbols over an hour, out of order by less than the allowance, some late, some sent twice, some poison.
"""

import json
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

ALLOWANCE = 2_000_000  # us; the transformer's out_of_orderness
MINUTE = 60_000_000
POISON = (
    b'{"e":"trade","s":"BTCUSDT","t":1,"p":"-1","q":"1","T":1}',
    b'{"e":"trade","s":"BTCUSDT"',
    b'{"e":"surprise","s":"BTCUSDT"}',
    b'{"e":"trade","s":"BTCUSDT","t":7,"p":"NaN","q":"1","T":1770000000000}',
)


@dataclass
class History:
    """Frames in the order they are received, and the truth about them."""

    symbols: list[str]
    frames: list[tuple[str, bytes, int]] = field(default_factory=list)  # symbol, payload, receive time
    ticks: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    candles: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    duplicates: int = 0
    poison: int = 0

    def expected_candles(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        """(symbol, start) to open, high, low, close, volume, quote volume, buy volume, count, late count."""
        return {key: tuple(v[:9]) for key, v in self.candles.items()}


def generate(seed: int, count: int, symbols: int, start: int, seconds: int = 3600) -> History:
    """`count` trades over `seconds` of event time from `start` (us)."""
    rnd = random.Random(seed)
    history = History([f"C{number:02d}USDT" for number in range(symbols)])
    watermark = dict.fromkeys(history.symbols, 0)
    numbers = dict.fromkeys(history.symbols, 0)
    for index in range(count):
        received = start + index * seconds * 1_000_000 // count
        symbol = rnd.choice(history.symbols)
        numbers[symbol] += 1
        delay = rnd.randrange(120_000_000, 900_000_000) if rnd.random() < 0.003 else rnd.randrange(0, 1_800_000)
        at = max(start, received - delay) // 1000 * 1000
        price = Decimal(rnd.randrange(10_000, 11_000)) / 100
        size = Decimal(rnd.randrange(1, 10_000)) / 10_000
        maker = rnd.random() < 0.5
        trade = {
            "e": "trade",
            "E": received // 1000,
            "s": symbol,
            "t": numbers[symbol],
            "p": str(price),
            "q": str(size),
            "T": at // 1000,
            "m": maker,
        }
        payload = json.dumps(trade).encode()
        history.frames.append((symbol, payload, received))
        late = at - at % MINUTE + MINUTE <= watermark[symbol]
        watermark[symbol] = max(watermark[symbol], at - ALLOWANCE)
        _record(history, symbol, numbers[symbol], at, price, size, maker, late)
        if rnd.random() < 0.01:
            history.frames.append((symbol, payload, received))
            history.duplicates += 1
        if rnd.random() < 0.002:
            history.frames.append((symbol, rnd.choice(POISON), received))
            history.poison += 1
    return history


def _record(history: History, symbol: str, number: int, at: int, price: Decimal, size: Decimal, maker: bool, late: bool) -> None:
    history.ticks[symbol, str(number)] = (at, price, size, "sell" if maker else "buy", late)
    key, place = (symbol, at - at % MINUTE), (at, number)
    buys = Decimal(0) if maker else size
    c = history.candles.get(key)
    if c is None:
        history.candles[key] = [price, price, price, price, size, price * size, buys, 1, int(late), place, place]
        return
    if place < c[9]:
        c[0], c[9] = price, place
    if place > c[10]:
        c[3], c[10] = price, place
    c[1], c[2] = max(c[1], price), min(c[2], price)
    c[4] += size
    c[5] += price * size
    c[6] += buys
    c[7] += 1
    c[8] += late
