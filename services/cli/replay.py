"""Publishes feeds into topics: same partition, key, value, headers and timestamp; nothing expires there meanwhile.

Invariant: a partition's records keep their order, and a topic that has records already is not written to.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from services.cli.feeds import Feed, within

if TYPE_CHECKING:
    from shared.bus import Producer
    from shared.bus.producer import Entry
    from shared.records import Record
    from shared.settings import Kafka
    from shared.topics import Topic

UNACKNOWLEDGED = 48
TOGETHER = 4  # partitions: a request takes one batch of each
STEP_MS = 50
READERS = ("transformer", "postgres")
_NONE: list[tuple[str, bytes]] = []
Told = Callable[[Counter[str]], None]


class NotEmpty(Exception):
    """A topic that is to be replayed into has records."""


async def prepare(kafka: Kafka, topics: Sequence[Topic]) -> None:
    """Makes what is missing, refuses what is not empty, and switches expiry off; raises `NotEmpty` or `Unavailable`."""
    from shared.bus import Log, admin
    from shared.topics import TOPICS

    await admin.create_topics(kafka, TOPICS)
    async with Log(kafka) as log:
        for topic in topics:
            ranges = await log.ranges(topic)
            if held := sum(end - first for first, end in ranges.values()):
                raise NotEmpty(f"{kafka.topic_prefix}{topic.name} has {held:,} records; give --into PREFIX, or make it empty")
    await admin.keep(kafka, TOPICS, forever=True)


async def publish(kafka: Kafka, feeds: Sequence[Feed], since: int | None, until: int | None, speed: float, told: Told) -> Counter[str]:
    """Publishes all feeds, at `speed` times the pace of their timestamps, or with 0 as fast as can be; returns records by topic."""
    from shared.bus import Producer
    from shared.errors import Unavailable

    sent: Counter[str] = Counter()
    async with Producer(kafka, client_id="replay") as producer:
        if speed:
            await _paced(producer, feeds, since, until, speed, sent, told)
        else:
            room = asyncio.Semaphore(TOGETHER)
            try:
                async with asyncio.TaskGroup() as group:
                    for feed in feeds:
                        group.create_task(_whole(producer, feed, since, until, room, sent, told))
            except* Unavailable as faults:
                raise faults.exceptions[0] from faults
        await producer.flush()
    return sent


async def _whole(
    producer: Producer, feed: Feed, since: int | None, until: int | None, room: asyncio.Semaphore, sent: Counter[str], told: Told
) -> None:
    """All of a feed: what it gives at once is handed over before the next is read."""
    async with room:
        async for records in feed.records():
            if chosen := within(records, since, until):
                producer.extend(feed.topic, feed.partition, [_entry(record) for record in chosen])
                await producer.push()
                sent[feed.topic.name] += len(chosen)
                if producer.unacknowledged > UNACKNOWLEDGED:
                    await producer.flush()
                told(sent)


def _entry(record: Record) -> Entry:
    headers = record.headers
    return record.key, record.value, list(headers) if headers else _NONE, record.timestamp


async def _paced(
    producer: Producer, feeds: Sequence[Feed], since: int | None, until: int | None, speed: float, sent: Counter[str], told: Told
) -> None:
    """All partitions together, in the order of their timestamps."""
    began, origin, due = time.monotonic(), None, 0.0
    async for feed, record in _merged(feeds, since, until):
        origin = record.timestamp if origin is None else origin
        due = began + (record.timestamp - origin) / 1000 / speed
        if due - time.monotonic() > STEP_MS / 1000:
            await producer.flush()
            told(sent)
            await asyncio.sleep(due - time.monotonic())
        producer.extend(feed.topic, feed.partition, [_entry(record)])
        sent[feed.topic.name] += 1
        if sent.total() % 5000 == 0:
            await producer.flush()


async def _merged(feeds: Sequence[Feed], since: int | None, until: int | None) -> AsyncIterator[tuple[Feed, Record]]:
    heads: list[tuple[int, int, Record]] = []
    streams = [_each(feed, since, until) for feed in feeds]
    for number, stream in enumerate(streams):
        if (record := await anext(stream, None)) is not None:
            heapq.heappush(heads, (record.timestamp, number, record))
    while heads:
        at, number, record = heapq.heappop(heads)
        yield feeds[number], record
        if (following := await anext(streams[number], None)) is not None:
            heapq.heappush(heads, (max(at, following.timestamp), number, following))


async def _each(feed: Feed, since: int | None, until: int | None) -> AsyncIterator[Record]:
    async for records in feed.records():
        for record in within(records, since, until):
            yield record


async def behind(kafka: Kafka) -> int:
    """How many records the platform has not read yet, where it reads at all."""
    from shared.bus.lag import Lag
    from shared.topics import DEAD_LETTERS, EVENTS_OF, TOPICS

    raw = [topic for topic in TOPICS if topic.name in EVENTS_OF]
    stages = ((READERS[0], raw), (READERS[1], [*EVENTS_OF.values(), DEAD_LETTERS]))
    async with Lag(kafka) as lag:
        return sum([sum((await lag.behind(group, topic)).values()) for group, topics in stages for topic in topics])
