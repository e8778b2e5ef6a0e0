"""Fills topics with a market: as a live source's raw records for the platform, as flat JSON for the peers.

Both have the same trades under the same keys, so their partitions hold the same.

Invariant: the raw topic ends with heartbeats enough to close every window.
"""

import asyncio
from collections.abc import Callable, Iterator

import msgspec

from bench import topics
from bench.market import SOURCE, Market, Trade, frame, key, plain
from shared.bus import Producer
from shared.events import Heartbeat
from shared.partitioning import partition
from shared.records import cloud_event
from shared.settings import Kafka
from shared.topics import MARKET_RAW, PARTITIONS, Topic

PLAIN = Topic("plain.v1", "a trade as flat JSON", "as in market.raw.v1")
LAST_HEARTBEATS = 75
CHUNK = 20_000

Item = tuple[int, bytes, bytes, list[tuple[str, bytes]], int]  # partition, key, value, headers, ms


def fill_raw(kafka: Kafka, market: Market) -> None:
    """market.raw.v1 as the fetcher leaves it."""
    topics.renew(kafka, [MARKET_RAW])
    asyncio.run(_send(kafka, MARKET_RAW, live(market)))


def fill_plain(kafka: Kafka, market: Market) -> None:
    """The peers' topic."""
    fill(kafka, PLAIN, market, plain)


def fill(kafka: Kafka, topic: Topic, market: Market, spell: Callable[[Trade], bytes]) -> None:
    """A topic of one record a trade."""
    topics.renew(kafka, [topic])
    asyncio.run(_send(kafka, topic, (_item(trade, spell) for trade in market.trades())))


def place(trade: Trade) -> int:
    """The partition of the trade's records."""
    return partition(key(trade.symbol), PARTITIONS)


def live(market: Market) -> Iterator[Item]:
    """Frames, a heartbeat a second to each partition used so far, and heartbeats after the last frame."""
    used: set[int] = set()
    beat = market.start
    for trade in market.trades():
        while trade.received - beat >= 1000:
            beat += 1000
            yield from heartbeats(used, beat)
        item = _item(trade, frame)
        used.add(item[0])
        yield item
    for second in range(1, LAST_HEARTBEATS):
        yield from heartbeats(used, market.end + 1000 * second)


def heartbeats(partitions: set[int], at_ms: int, source: str = SOURCE) -> Iterator[Item]:
    """One to each partition."""
    headers = cloud_event("heartbeat", source=source, subject=source, event_id=f"heartbeat-{at_ms}", time_us=at_ms * 1000)
    value = msgspec.json.encode(Heartbeat(source, 1))
    for number in sorted(partitions):
        yield number, source.encode(), value, headers, at_ms


def _item(trade: Trade, spell: Callable[[Trade], bytes]) -> Item:
    return place(trade), key(trade.symbol), spell(trade), [], trade.received


async def _send(kafka: Kafka, topic: Topic, items: Iterator[Item]) -> None:
    async with Producer(kafka, client_id="bench") as producer:
        for count, item in enumerate(items, 1):
            producer.add(topic, *item)
            if not count % CHUNK:
                await producer.flush()
        await producer.flush()
