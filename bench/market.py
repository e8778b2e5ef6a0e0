"""A seeded market: trades of 100 symbols, some of them traded far more than others, received up to 200 ms out of order.

Prices are whole cents and sizes whole ten-thousandths, so that the reference can add them up as integers. Pure.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

SOURCE = "binance"
SYMBOLS = tuple(f"S{number:03d}USDT" for number in range(100))
SPAN_MS = 500_000
DISORDER_MS = 200
MINUTE_MS = 60_000


class Trade(NamedTuple):
    """One trade; times in ms, `number` is the venue's id of it."""

    number: int
    symbol: str
    at: int
    received: int
    cents: int
    lots: int
    maker: bool


@dataclass(frozen=True)
class Market:
    """`count` trades received over 500 s from `start` (ms); the same arguments give the same trades."""

    count: int
    start: int
    seed: int = 1

    def trades(self) -> Iterator[Trade]:
        """In the order they are received."""
        draw = random.Random(self.seed).random
        for index in range(self.count):
            received = self.start + index * SPAN_MS // self.count + DISORDER_MS
            symbol = SYMBOLS[int(draw() ** 2 * len(SYMBOLS))]
            at = received - int(draw() * DISORDER_MS)
            yield Trade(index + 1, symbol, at, received, 10_000 + int(draw() * 1_000), 1 + int(draw() * 9_999), draw() < 0.5)

    @property
    def end(self) -> int:
        """The last receive time, in ms."""
        return self.start + (self.count - 1) * SPAN_MS // self.count + DISORDER_MS


def key(symbol: str) -> bytes:
    """The key of every record of the symbol, whoever reads it."""
    return f"{SOURCE}|{symbol}".encode()


def canonical(symbol: str) -> str:
    """`S001-USDT` for `S001USDT`."""
    return f"{symbol[:-4]}-{symbol[-4:]}"


def frame(trade: Trade) -> bytes:
    """The trade as Binance sends it."""
    return (
        f'{{"e":"trade","E":{trade.received},"s":"{trade.symbol}","t":{trade.number},"p":"{price(trade)}000000","q":"{size(trade)}0000",'
        f'"T":{trade.at},"m":{"true" if trade.maker else "false"},"M":true}}'
    ).encode()


def plain(trade: Trade) -> bytes:
    """The trade as the peers read it: flat, normalised already, numbers as JSON numbers."""
    return (
        f'{{"event_id":"{trade.number:012d}","source":"{SOURCE}","symbol":"{trade.symbol}","price":{price(trade)},"size":{size(trade)},"ts":{trade.at}}}'
    ).encode()


def price(trade: Trade) -> str:
    """The price in dollars and cents."""
    return f"{trade.cents // 100}.{trade.cents % 100:02d}"


def size(trade: Trade) -> str:
    """The size, four places."""
    return f"{trade.lots // 10_000}.{trade.lots % 10_000:04d}"
