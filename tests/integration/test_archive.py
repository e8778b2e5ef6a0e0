"""The archive's writer on the real broker and object store: what was published is read back from objects, byte for byte."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.writer.maintain import Kept, maintain
from services.writer.sinks.s3 import Archiver
from shared.archive import layout, parquet
from shared.archive.store import Store
from shared.bus import Producer, admin
from shared.records import Stored
from shared.settings import S3, Kafka, Settings
from shared.telemetry.probes import Health
from shared.topics import CANDLES, MARKET_RAW, OPS_RAW, TICKS, TRADING_RAW, Topic
from tests.fixtures import archive
from tests.fixtures.servers import Server
from tests.integration.test_topics_made_anew import remake

HOUR = 3_600_000
START = int(time.time() * 1000) // HOUR * HOUR - 2 * HOUR + 60_000
Sent = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]], int]


@pytest.fixture
def bucket(s3: Server, s3_bucket: str) -> S3:
    return archive.settings(s3.environment, s3_bucket, object_seconds=0.5)


async def publish(kafka: Kafka, topic: Topic, sent: Sequence[Sent]) -> None:
    async with Producer(kafka, client_id="test") as producer:
        for partition, key, value, headers, at in sent:
            producer.add(topic, partition, key, value, headers, at)
        await producer.flush()


@asynccontextmanager
async def archiving(kafka: Kafka, s3: S3) -> AsyncIterator[Archiver]:
    stop = asyncio.Event()
    archiver = Archiver(Settings(kafka=kafka, s3=s3), Health())
    task = asyncio.create_task(archiver.run(stop))
    try:
        yield archiver
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def archived(s3: S3, wanted: Callable[[int], bool]) -> list[archive.Found]:
    """All objects, once the number of their records is as wanted."""
    deadline = time.monotonic() + 60
    while True:
        found = await archive.objects(s3, written=False)
        if wanted(sum(span.records for _, span, _ in found)):
            return found
        assert time.monotonic() < deadline, f"{len(found)} objects hold {sum(span.records for _, span, _ in found)} records"
        await asyncio.sleep(0.2)


def held(found: list[archive.Found], kafka: Kafka, topic: Topic) -> list[Sent]:
    """The records of a topic as they were sent, in partition and offset order."""
    chains = archive.chains(found)
    return [
        (partition, record.key, record.value, list(record.headers), record.timestamp)
        for (name, partition), objects in sorted(chains.items())
        if name == kafka.topic_prefix + topic.name
        for _, _, records in objects
        for record in records
    ]


async def test_what_was_published_is_read_back_byte_for_byte(kafka_settings: Kafka, bucket: S3) -> None:
    sent: list[Sent] = [(n % 3, b"k%d" % n, b"\x00value \xff%d" % n, [("a", b""), ("b", b"\xfe")] * (n % 2), START + n) for n in range(500)]
    sent += [(0, None, b"no key", [], START), (1, b"tombstone", None, [], START)]
    await publish(kafka_settings, MARKET_RAW, sent)
    async with archiving(kafka_settings, bucket):
        found = await archived(bucket, lambda records: records >= len(sent))
    assert held(found, kafka_settings, MARKET_RAW) == [one for n in range(3) for one in sent if one[0] == n]
    cluster = await admin.cluster_id(kafka_settings)
    assert {name.place.folder for name, _, _ in found} == {f"{cluster}/bronze/{kafka_settings.topic_prefix}market.raw.v1/"}


async def test_an_object_holds_one_hour_and_is_named_by_it(kafka_settings: Kafka, bucket: S3) -> None:
    sent: list[Sent] = [(0, b"k", b"%d" % n, [], START + n * HOUR // 4) for n in range(8)]
    await publish(kafka_settings, TRADING_RAW, sent)
    async with archiving(kafka_settings, bucket):
        found = await archived(bucket, lambda records: records == 8)
    assert held(found, kafka_settings, TRADING_RAW) == sent
    assert [
        (span.records, name.hour[-2:]) for name, span, _ in archive.chains(found)[kafka_settings.topic_prefix + "trading.raw.v1", 0]
    ] == [(4, time.strftime("%H", time.gmtime((START + n * HOUR) // 1000))) for n in (0, 1)]


async def test_a_chain_goes_on_where_it_ended_and_a_stored_object_is_adopted(kafka_settings: Kafka, bucket: S3) -> None:
    sent: list[Sent] = [(0, b"k", b"%d" % n, [], START) for n in range(11)]
    await publish(kafka_settings, MARKET_RAW, sent[:4])
    async with archiving(kafka_settings, bucket):
        await archived(bucket, lambda records: records == 4)
    await commit(kafka_settings, MARKET_RAW, 0)
    await publish(kafka_settings, MARKET_RAW, sent[4:])
    async with archiving(kafka_settings, bucket):
        found = await archived(bucket, lambda records: records == 11)
    assert held(found, kafka_settings, MARKET_RAW) == sent


@pytest.mark.parametrize("known", [True, False])
async def test_a_position_moves_behind_the_object_that_a_former_owner_stored_last(kafka_settings: Kafka, bucket: S3, known: bool) -> None:
    await publish(kafka_settings, TRADING_RAW, [(0, b"k", b"%d" % n, [], START) for n in range(5)])
    await stored(kafka_settings, bucket, TRADING_RAW, 5)
    if known:
        await commit(kafka_settings, TRADING_RAW, 0, layout.hour_of(START))
    async with archiving(kafka_settings, bucket):
        await committed(kafka_settings, TRADING_RAW, 5)
    assert len(await archive.objects(bucket)) == 1


async def test_a_partition_is_not_read_anew_before_its_object_has_arrived(kafka_settings: Kafka, bucket: S3) -> None:
    sent: list[Sent] = [(0, b"k", b"%d" % n, [], START) for n in range(11)]
    partition = TopicPartition(kafka_settings.topic_prefix + TRADING_RAW.name, 0)
    await publish(kafka_settings, TRADING_RAW, sent[:5])
    async with archiving(kafka_settings, bucket) as archiver:
        async with AsyncExitStack() as slots:
            for _ in range(bucket.uploads):
                await slots.enter_async_context(archiver._room)
            await until(lambda: partition in archiver._uploads)
            former, task = archiver._pending[partition], archiver._uploads[partition].task
            archiver._consumer.restart([partition])  # as where its position is outside the log
            await publish(kafka_settings, TRADING_RAW, sent[5:])
            for _ in range(20):
                await asyncio.sleep(0.05)
                assert (archiver._pending[partition] is former, task.done()) == (True, False)
        found = await archived(bucket, lambda records: records == len(sent))
        await committed(kafka_settings, TRADING_RAW, len(sent))
    assert held(found, kafka_settings, TRADING_RAW) == sent


async def until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while True:
        if there():
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def committed(kafka: Kafka, topic: Topic, offset: int) -> None:
    """Until the position is there, with no hour."""
    deadline = time.monotonic() + 30
    topic_id = (await admin.topic_ids(kafka, [topic]))[topic.name]
    while (found := (await admin.committed(kafka, "s3", [topic])).get((topic.name, 0))) != (offset, f"@{topic_id}"):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)


async def commit(kafka: Kafka, topic: Topic, offset: int, hour: str = "") -> None:
    """Sets the position, as where a process dies between storing an object and moving it."""
    partition = TopicPartition(kafka.topic_prefix + topic.name, 0)
    client = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=kafka.topic_prefix + "s3", enable_auto_commit=False)
    await client.start()
    client.assign([partition])
    await client.commit({partition: (offset, hour)})
    await client.stop()


async def test_a_topic_made_anew_is_not_put_into_its_predecessors_chain(kafka_settings: Kafka, bucket: S3) -> None:
    await publish(kafka_settings, OPS_RAW, [(0, b"k", b"%d" % n, [], START) for n in range(5)])
    async with archiving(kafka_settings, bucket):
        before = await archived(bucket, lambda records: records == 5)
    await remake(kafka_settings)
    await publish(kafka_settings, OPS_RAW, [(0, b"k", b"new %d" % n, [], START) for n in range(9)])  # longer than the former
    async with archiving(kafka_settings, bucket) as archiver, asyncio.timeout(60):
        while "was the topic made anew?" not in (await archiver._said() or ""):  # noqa: ASYNC110 nobody reports it
            await asyncio.sleep(0.2)
    found = await archive.objects(bucket)
    assert [(name, span) for name, span, _ in found] == [(name, span) for name, span, _ in before]


async def test_an_archive_without_committed_offsets_is_gone_on_with(kafka_settings: Kafka, bucket: S3) -> None:
    sent: list[Sent] = [(0, b"k", b"%d" % n, [], START) for n in range(5)]
    await publish(kafka_settings, MARKET_RAW, sent)
    await stored(kafka_settings, bucket, MARKET_RAW, 3)
    async with archiving(kafka_settings, bucket):
        found = await archived(bucket, lambda records: records == 5)
    assert [(name.first, span.end) for name, span, _ in found] == [(0, 3), (3, 5)]
    assert held(found, kafka_settings, MARKET_RAW) == sent


async def stored(kafka: Kafka, s3: S3, topic: Topic, records: int) -> None:
    """Stores the first object of a partition, without its position."""
    place = layout.place(await admin.cluster_id(kafka), kafka.topic_prefix, topic, 0)
    writer = parquet.Writer(topic, 0)
    writer.add([Stored(0, n, START, b"k", b"%d" % n, ()) for n in range(records)])
    body, span = writer.finish()
    async with Store(s3) as store:
        assert await store.create(place.key(layout.hour_of(START), 0), body, span.metadata())
        assert not await store.create(place.key(layout.hour_of(START), 0), body, span.metadata())


async def test_maintenance_names_what_does_not_belong_and_removes_nothing_that_is_young(kafka_settings: Kafka, bucket: S3) -> None:
    await publish(kafka_settings, MARKET_RAW, [(0, b"k", b"v", [], START + n * HOUR) for n in (0, 1)])
    async with archiving(kafka_settings, bucket):
        await archived(bucket, lambda records: records == 2)
    stray = f"{await admin.cluster_id(kafka_settings)}/bronze/notes.txt"
    async with Store(bucket) as store:
        await store.put(stray, b"")
    kept = bucket.model_copy(update={"retention_days": 1})
    assert await maintain(Settings(kafka=kafka_settings, s3=kept)) == Kept(0, 2, [stray])


async def test_events_have_typed_columns_beside_their_bytes(kafka_settings: Kafka, bucket: S3) -> None:
    trade = (
        b'{"kind":"trade","symbol":"BTC-USD","native_symbol":"X","event_time":1610064000000001,"price":"1.50","size":"2E-8","trade_id":"7"}'
    )
    candle = b'{"kind_of":"candle","source":"s","symbol":"BTC-USD","kind":"trade","interval":60000000,"start":1610064000000000,"open":"1"}'
    await publish(kafka_settings, TICKS, [(0, b"BTC-USD", trade, [], START), (0, b"BTC-USD", b"not json", [], START)])
    await publish(kafka_settings, CANDLES, [(0, b"k", candle, [], START), (0, b"k", None, [], START)])
    async with archiving(kafka_settings, bucket):
        await archived(bucket, lambda records: records == 4)
    rows = {name: await typed(bucket, name) for name in ("silver", "gold")}
    first, second = rows["silver"]
    assert (first["symbol"], first["price"], first["size"], first["late"]) == ("BTC-USD", Decimal("1.5"), Decimal("2E-8"), False)
    assert str(first["event_time"]) == "2021-01-08 00:00:00.000001+00:00"
    assert second["symbol"] is None
    assert [row["symbol"] for row in rows["gold"]] == ["BTC-USD", None]


async def typed(s3: S3, tier: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    async with Store(s3) as store:
        async for found in store.objects(""):
            if f"/{tier}/" in found.key:
                rows += pq.read_table(io.BytesIO(await store.get(found.key))).to_pylist()
    return rows
