"""Plays a live source into market.raw.v1 as its fetcher would: frames, heartbeats, connects; the log time is the test's own."""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from shared.bus import Producer
from shared.events import Connection, Heartbeat
from shared.partitioning import partition
from shared.records import cloud_event
from shared.settings import Kafka
from shared.time import HOUR, MINUTE, floor
from shared.topics import MARKET_RAW

# A minute two hours ago: the broker deletes what is stamped older than its retention and refuses what is ahead of its clock.
START = floor(time.time_ns() // 1000 - 2 * HOUR, MINUTE)


def trade(symbol: str, number: int, at: int, price: str = "100.5", size: str = "0.25", maker: bool = False) -> bytes:
    """A Binance trade frame; `at` in us."""
    ms = at // 1000
    return msgspec.json.encode({"e": "trade", "E": ms, "s": symbol, "t": number, "p": price, "q": size, "T": ms, "m": maker, "M": True})


class Feed:
    """One live source's raw records, in the order they are added."""

    def __init__(self, source: str, epoch: int = 1) -> None:
        self.source, self.epoch = source, epoch
        self.records: list[tuple[int, bytes, bytes, Sequence[tuple[str, bytes]], int]] = []
        self._partitions: set[int] = set()

    def frame(self, symbol: str, payload: bytes, received_at: int) -> None:
        """A frame received at `received_at` us."""
        key = f"{self.source}|{symbol}".encode()
        place = partition(key, MARKET_RAW.partitions)
        self._partitions.add(place)
        self.records.append((place, key, payload, (), received_at // 1000))

    def heartbeat(self, at: int) -> None:
        """One to each raw partition used so far."""
        value = msgspec.json.encode(Heartbeat(self.source, self.epoch))
        for place in sorted(self._partitions):
            self._control("heartbeat", place, value, at)

    def connected(self, at: int) -> None:
        """A new connection, told to each raw partition used so far."""
        value = msgspec.json.encode(Connection(self.source, self.epoch, "connected"))
        for place in sorted(self._partitions):
            self._control("connection", place, value, at)

    def _control(self, kind: str, place: int, value: bytes, at: int) -> None:
        headers = cloud_event(kind, source=self.source, subject=self.source, event_id=f"{kind}-{at}", time_us=at)
        self.records.append((place, self.source.encode(), value, headers, at // 1000))

    def publish(self, kafka: Kafka) -> None:
        """Sends everything added since the last time."""
        asyncio.run(self._publish(kafka))

    async def _publish(self, kafka: Kafka) -> None:
        records, self.records = self.records, []
        async with Producer(kafka, client_id="feed") as producer:
            for place, key, value, headers, at in records:
                producer.add(MARKET_RAW, place, key, value, headers, at)
            await producer.flush()
