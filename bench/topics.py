"""Topics made, emptied and read for the measurements.

Output topics stamp records when the broker appends them (`log_time`): so the end of a run is read from its last record afterwards, and
nobody has to watch, and slow down, what is measured.

Invariant: `renew` returns only when the topics are there and empty.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from bench.faults import Fault
from shared.bus import Log
from shared.bus.connection import client_options
from shared.records import Record
from shared.settings import Kafka
from shared.topics import Topic

LOG_TIME = {"message.timestamp.type": "LogAppendTime"}
SECONDS = 30.0
# Enough that nothing is deleted while it is being measured.
RETENTION_MIB = 8192
SEGMENT_BYTES = 256 * 1024 * 1024


def renew(kafka: Kafka, topics: Iterable[Topic], *, log_time: bool = False) -> None:
    """The topics, new and empty."""
    asyncio.run(_renew(kafka, tuple(topics), LOG_TIME if log_time else {}))


def ends(kafka: Kafka, topic: Topic) -> dict[int, int]:
    """The end offset of each partition."""

    async def run() -> dict[int, int]:
        async with Log(kafka) as log:
            return {partition: end for partition, (_, end) in (await log.ranges(topic)).items()}

    return asyncio.run(run())


def committed(kafka: Kafka, group: str, topic: Topic) -> dict[int, int]:
    """The group's offsets of the topic."""

    async def run() -> dict[int, int]:
        async with _client(kafka) as client:
            found = await client.list_consumer_group_offsets(kafka.topic_prefix + group)
        return {tp.partition: at.offset for tp, at in found.items() if tp.topic == kafka.topic_prefix + topic.name}

    return asyncio.run(run())


def rewind(kafka: Kafka, group: str, topic: Topic) -> None:
    """Sets the group's offsets of the topic to 0; nobody may be in the group."""

    async def run() -> None:
        consumer = AIOKafkaConsumer(**client_options(kafka), group_id=kafka.topic_prefix + group, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = [TopicPartition(kafka.topic_prefix + topic.name, partition) for partition in range(topic.partitions)]
            consumer.assign(partitions)
            await consumer.commit(dict.fromkeys(partitions, 0))
        finally:
            await consumer.stop()

    asyncio.run(run())


def scan(kafka: Kafka, topic: Topic, take: Callable[[list[Record]], None]) -> None:
    """Hands over every record in batches; within a partition in order."""

    async def run() -> None:
        async with Log(kafka) as log:
            for partition, (first, end) in (await log.ranges(topic)).items():
                async for records in log.read(topic, partition, first, end):
                    take(records)

    asyncio.run(run())


def read(kafka: Kafka, topic: Topic) -> list[Record]:
    """Every record."""
    found: list[Record] = []
    scan(kafka, topic, found.extend)
    return found


def drop(kafka: Kafka, text: str) -> None:
    """Deletes the topics whose name holds `text`, such as those a peer made for itself."""

    async def run() -> None:
        async with _client(kafka) as client:
            if names := [name for name in await client.list_topics() if text in name]:
                await client.delete_topics(names)

    asyncio.run(run())


async def _renew(kafka: Kafka, topics: Sequence[Topic], more: dict[str, str]) -> None:
    """A deleted topic takes records until the broker has heard of it, so that is waited for, and likewise for the new one."""
    new = [_new(kafka, topic, more) for topic in topics]
    names = {topic.name for topic in new}
    async with _client(kafka) as client:
        if known := set(await client.list_topics()) & names:
            await client.delete_topics(sorted(known))
            await _until(client, lambda found: not found & names)
        response = await client.create_topics(new)
        for name, code, *_ in response.topic_errors:
            if code:
                raise Fault(f"topic {name}: {for_code(code).__name__}")
        await _until(client, lambda found: names <= found)


def _new(kafka: Kafka, topic: Topic, more: dict[str, str]) -> NewTopic:
    config = {**replace(topic, retention_mib=RETENTION_MIB).config, "segment.bytes": str(SEGMENT_BYTES), **more}
    return NewTopic(kafka.topic_prefix + topic.name, topic.partitions, 1, topic_configs=config)


async def _until(client: AIOKafkaAdminClient, settled: Callable[[set[str]], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not settled(set(await client.list_topics())):
        if time.monotonic() > deadline:
            raise Fault(f"topics were not made or deleted within {SECONDS:g} s")
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _client(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await client.start()
        yield client
    except KafkaError as fault:
        raise Fault(f"Kafka: {fault!r}") from fault
    finally:
        await client.close()
