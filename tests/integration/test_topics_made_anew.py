"""A topic that is deleted and made anew is another log: it is read from its first record, whatever was read of the former one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiokafka.admin import AIOKafkaAdminClient

from services.transformer.__main__ import ticks
from services.transformer.runner import Runner
from services.writer.sinks.postgres import PostgresSink
from shared.bus import Log, Producer, admin
from shared.bus.connection import client_options
from shared.bus.consumer import Consumer
from shared.partitioning import partition
from shared.settings import Database, Kafka, Settings
from shared.telemetry.probes import Health
from shared.topics import OPS_EVENTS, OPS_RAW, TICKS, TOPICS
from tests.integration.sink import T0, Partition, store, with_sink
from tests.integration.test_sink_postgres import trade
from tests.system.store import query

SERVICE = "checkout"
NUMBER = partition(SERVICE.encode(), OPS_RAW.partitions)


async def remake(kafka: Kafka, pause: float = 0.0) -> None:
    """Deletes ops.raw.v1 and makes it again."""
    client = AIOKafkaAdminClient(**client_options(kafka))
    await client.start()
    await client.delete_topics([kafka.topic_prefix + OPS_RAW.name])
    await client.close()
    async with asyncio.timeout(30):
        while OPS_RAW.name in await admin.topic_ids(kafka, [OPS_RAW]):  # noqa: ASYNC110 nobody reports it
            await asyncio.sleep(0.1)
        await asyncio.sleep(pause)
        while OPS_RAW.name not in await admin.topic_ids(kafka, [OPS_RAW]):
            await admin.create_topics(kafka, (OPS_RAW,))


async def publish(kafka: Kafka, first: int, count: int) -> None:
    async with Producer(kafka, client_id="test") as producer:
        for number in range(first, first + count):
            event = {"event_id": f"e{number}", "timestamp": "2026-01-05T00:00:00Z", "service": SERVICE, "event_type": "x"}
            producer.add(OPS_RAW, NUMBER, SERVICE.encode(), msgspec.json.encode(event))
        await producer.flush()


async def published(kafka: Kafka) -> set[str]:
    """The ids of the events that the transformer has published."""
    async with Log(kafka) as log:
        first, end = (await log.ranges(OPS_EVENTS, [NUMBER]))[NUMBER]
        records = [record async for some in log.read(OPS_EVENTS, NUMBER, first, end) for record in some]
    events = [msgspec.json.decode(record.value or b"{}") for record in records]
    return {event["event_id"] for event in events if "event_id" in event}


@asynccontextmanager
async def transforming(kafka: Kafka, health: Health) -> AsyncIterator[Runner]:
    runner = Runner(kafka, ticks(Settings()), health, group="transformer", checkpoint_seconds=0.2)
    stop = asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    try:
        yield runner
    finally:
        stop.set()
        await task


async def until(kafka: Kafka, reached: Callable[[set[str]], bool]) -> set[str]:
    async with asyncio.timeout(60):
        while not reached(found := await published(kafka)):  # noqa: ASYNC110 nobody reports it
            await asyncio.sleep(0.2)
    return found


def ids(first: int, count: int) -> set[str]:
    return {f"e{number}" for number in range(first, first + count)}


async def test_all_records_of_a_topic_made_anew_under_a_running_transformer_are_read(kafka_settings: Kafka) -> None:
    async with transforming(kafka_settings, Health()) as runner:
        await publish(kafka_settings, 0, 34)
        await until(kafka_settings, lambda found: found == ids(0, 34))
        await remake(kafka_settings)
        await publish(kafka_settings, 1000, 100)  # more than were read of the former
        await until(kafka_settings, lambda found: found >= ids(1000, 100))
        assert await runner.fault() is None


async def test_all_records_of_a_topic_made_anew_while_nothing_ran_are_read_and_a_missing_topic_is_reported(kafka_settings: Kafka) -> None:
    async with transforming(kafka_settings, Health()):
        await publish(kafka_settings, 0, 34)
        await until(kafka_settings, lambda found: found == ids(0, 34))
    await remake(kafka_settings)
    await publish(kafka_settings, 1000, 100)
    async with transforming(kafka_settings, Health()) as runner:
        await until(kafka_settings, lambda found: found >= ids(1000, 100))
        client = AIOKafkaAdminClient(**client_options(kafka_settings))
        await client.start()
        await client.delete_topics([kafka_settings.topic_prefix + OPS_RAW.name])
        await client.close()
        async with asyncio.timeout(30):
            while await runner.fault() != "not in the cluster: ops.raw.v1":  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_a_partition_delivers_nothing_before_its_owner_has_sought(kafka_settings: Kafka) -> None:
    await publish(kafka_settings, 0, 5)
    consumer = Consumer(kafka_settings, group="test", topics=[OPS_RAW])
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            while not consumer.uninitialised:
                assert await consumer.poll(100, 100) == {}
        wanted = next(tp for tp in consumer.uninitialised if tp.partition == NUMBER)
        consumer._client.resume(wanted)  # as if the pause had come too late
        consumer._client.seek(wanted, 0)
        for _ in range(5):
            assert await consumer.poll(200, 100) == {}
        consumer.seek(wanted, 2)
        found: list[int] = []
        async with asyncio.timeout(30):
            while len(found) < 3:
                found += [record.offset for record in (await consumer.poll(200, 100)).get(wanted, [])]
        assert found == [2, 3, 4]
    finally:
        await consumer.stop()


async def test_reading_beyond_the_end_of_a_log_ends(kafka_settings: Kafka) -> None:
    await publish(kafka_settings, 0, 5)
    async with Log(kafka_settings) as log, asyncio.timeout(15):
        for start, end, expected in ((0, 10, 5), (3, 99, 2), (7, 9, 0)):
            found = [record.offset async for some in log.read(OPS_RAW, NUMBER, start, end) for record in some]
            assert len(found) == expected


async def test_every_topic_has_an_id_and_keeps_it(kafka_settings: Kafka) -> None:
    found = await admin.topic_ids(kafka_settings)
    assert set(found) == {topic.name for topic in TOPICS}
    assert len(set(found.values())) == len(TOPICS)
    assert await admin.topic_ids(kafka_settings) == found


def test_a_stored_position_of_a_former_topic_is_not_one_of_the_new(bootstrap_servers: str, database_url: str) -> None:
    configured = Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database.model_validate({"url": database_url}))
    former = Partition(TICKS.name, 0).add(*(trade(number, T0 + number) for number in range(4)))
    anew = Partition(TICKS.name, 0).add(*(trade(10 + number, T0 + number, offset=number) for number in range(6)))

    async def rows(sql: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await asyncio.to_thread(query, database_url, sql)]

    async def work(sink: PostgresSink) -> None:
        assert await sink.positions({former.place: (0, 4)}) == {former.place: 0}  # before ids were stored
        await store(sink, former.since(0))
        await sink.read({former.place: "A"})
        assert await rows("SELECT topic_id FROM offsets") == [("A",)]
        assert await sink.positions({former.place: (0, 4)}) == {former.place: 4}
        await sink.read({anew.place: "B"})
        assert await sink.positions({anew.place: (0, 6)}) == {anew.place: 0}
        await store(sink, anew.since(0))
        assert await rows("SELECT next_offset, topic_id FROM offsets") == [(6, "B")]

    with_sink(configured, work)
    assert query(database_url, "SELECT count(*) FROM ticks")[0][0] == 10
