"""Where live ticks come from when the whole way is measured: anything that plays a market of one source into market.raw.v1.

`Direct` publishes frames as a fetcher would that has just received them. A venue with the fetcher behind it is a `Source` too: what is
measured is read from the stored ticks, whoever brought them.
"""

import asyncio
import random
import time
from typing import Protocol

from bench.feed import heartbeats, place
from bench.market import SYMBOLS, Trade, canonical, frame, key
from shared.bus import Producer
from shared.settings import Kafka
from shared.topics import MARKET_RAW

CYCLE_SECONDS = 0.01


class Source(Protocol):
    """A live market; `symbols` are the canonical names it has, those traded most first."""

    symbols: tuple[str, ...]

    async def play(self, seconds: float) -> int:
        """Ticks for that long; returns how many there were."""


class Direct:
    """Frames at a steady rate, each stamped with the moment it is handed over, and a heartbeat a second."""

    symbols = tuple(canonical(symbol) for symbol in SYMBOLS)

    def __init__(self, kafka: Kafka, rate: float) -> None:
        self._kafka, self._rate = kafka, rate
        self._random = random.Random(1)
        self._sent = 0

    async def play(self, seconds: float) -> int:
        """Publishes until the time is over and everything is acknowledged."""
        async with Producer(self._kafka, client_id="bench") as producer:
            began = time.time()
            beat, used = began, set[int]()
            while (now := time.time()) < began + seconds:
                while self._sent < (now - began) * self._rate:
                    used.add(self._add(producer))
                if now - beat >= 1:
                    beat = now
                    for item in heartbeats(used, int(now * 1000)):
                        producer.add(MARKET_RAW, *item)
                await producer.push()
                await asyncio.sleep(CYCLE_SECONDS)
            await producer.flush()
        return self._sent

    def _add(self, producer: Producer) -> int:
        self._sent += 1
        draw, now = self._random.random, int(time.time() * 1000)
        symbol = SYMBOLS[int(draw() ** 2 * len(SYMBOLS))]
        trade = Trade(self._sent, symbol, now, now, 10_000 + int(draw() * 1000), 1 + int(draw() * 9_999), draw() < 0.5)
        producer.add(MARKET_RAW, place(trade), key(symbol), frame(trade), (), now)
        return place(trade)
