"""What a broker keeps of a producer that fails: nothing after the record that it refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from shared.bus import Log, Producer
from shared.bus.producer import Entry
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.topics import TICKS, TRADING_EVENTS, Topic

HOUR_MS = 3_600_000


async def values(kafka: Kafka, topic: Topic, partition: int) -> list[bytes | None]:
    async with Log(kafka) as log:
        first, end = (await log.ranges(topic, [partition]))[partition]
        return [record.value async for records in log.read(topic, partition, first, end) for record in records]


def ahead() -> int:
    """A timestamp that the broker refuses."""
    return int(time.time() * 1000) + 2 * HOUR_MS


async def published(producer: Producer, records: Sequence[tuple[bytes, int | None]], partition: int = 3) -> None:
    """Each record in a batch of its own; the failure is reported by one of the calls."""
    refused = False
    for value, timestamp in records:
        producer.add(TICKS, partition, b"k", value, timestamp_ms=timestamp)
        try:
            await producer.push()
        except Unavailable:
            refused = True
    with pytest.raises(Unavailable):
        await producer.flush()
    await producer.stop()
    assert refused or producer.failed


async def test_nothing_follows_a_first_batch_that_the_broker_refused(kafka_settings: Kafka) -> None:
    producer = await Producer(kafka_settings, client_id="test").start()
    await published(producer, [(b"refused", ahead()), (b"next", None), (b"last", None)])
    assert await values(kafka_settings, TICKS, 3) == []


async def test_nothing_follows_a_later_batch_that_the_broker_refused(kafka_settings: Kafka) -> None:
    producer = await Producer(kafka_settings, client_id="test").start()
    producer.add(TICKS, 3, b"k", b"first")
    await producer.flush()
    await published(producer, [(b"second", None), (b"refused", ahead()), (b"next", None), (b"last", None)])
    assert (await values(kafka_settings, TICKS, 3))[:2] == [b"first", b"second"]
    assert not {b"next", b"last"} & set(await values(kafka_settings, TICKS, 3))


async def test_one_push_of_several_batches_ends_with_the_refused_one(kafka_settings: Kafka) -> None:
    producer = await Producer(kafka_settings, client_id="test").start()
    large = bytes(300_000)  # a batch of its own
    entries: list[Entry] = [(b"k", b"%d" % n + large, [], ahead() if n == 0 else ahead() - 3 * HOUR_MS) for n in range(4)]
    producer.extend(TICKS, 3, entries)
    with pytest.raises(Unavailable):
        await producer.flush()
    await producer.stop()
    assert await values(kafka_settings, TICKS, 3) == []


async def test_a_failed_producer_flushes_nothing(kafka_settings: Kafka) -> None:
    producer = await Producer(kafka_settings, client_id="test").start()
    for partition in range(TICKS.partitions):
        producer.add(TICKS, partition, b"k", b"known")
    await producer.flush()
    large = bytes(200_000)
    for number in range(6):  # more than one of a partition waits in the client
        for partition in range(TICKS.partitions):
            refused = number == 0 and partition == 0
            producer.add(TICKS, partition, b"k", b"%d" % number + large, timestamp_ms=ahead() if refused else None)
    producer.add(TRADING_EVENTS, 0, b"k", b"never pushed")
    pushing = asyncio.create_task(producer.push())
    async with asyncio.timeout(20):
        while not producer.failed:  # noqa: ASYNC110 nobody reports it
            await asyncio.sleep(0.001)
    await producer.stop()
    await asyncio.gather(pushing, return_exceptions=True)
    kept = [await values(kafka_settings, TICKS, partition) for partition in range(TICKS.partitions)]
    assert kept[0] == [b"known"]
    for found in kept:  # each a beginning of what was sent
        assert [value[:1] for value in found if value] == [b"k", *(b"%d" % n for n in range(len(found) - 1))]
    with pytest.raises(Unavailable, match="InvalidTimestamp"):
        await producer.flush()


async def test_a_partition_that_has_acknowledged_takes_batches_without_a_pause(kafka_settings: Kafka) -> None:
    async with Producer(kafka_settings, client_id="test") as producer:
        producer.add(TICKS, 3, b"k", b"first")
        await producer.flush()
        waits = []
        for number in range(20):
            producer.add(TICKS, 3, b"k", b"%d" % number)
            await producer.push()
            waits.append(producer.unacknowledged)
        await producer.flush()
    assert max(waits) > 1
    assert len(await values(kafka_settings, TICKS, 3)) == 21
