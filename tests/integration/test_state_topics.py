"""State that only a topic knows: never deleted, kept small by tombstones, and replays that a shrinking log does not mislead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from services.fetcher.ended import KEPT
from services.fetcher.ingest import Ingest
from services.fetcher.live.leases import Leases, home
from services.fetcher.pace import Pace
from services.fetcher.publish import Publisher
from services.fetcher.replays import ReplayInput
from shared import runs as rules
from shared.bus import Producer, TopicPartition, admin
from shared.bus.connection import client_options
from shared.events import Hole, Run
from shared.runs import ReplayRequest
from shared.settings import Kafka
from shared.topics import DEAD_LETTERS, MARKET_RAW, RUNS, SOURCES
from tests.fixtures import runs

NOW = time.time_ns() // 1000
OLD = NOW - KEPT - 1


async def test_an_existing_state_topic_is_no_longer_deleted_and_keeps_its_other_settings(kafka_settings: Kafka) -> None:
    older = kafka_settings.model_copy(update={"topic_prefix": kafka_settings.topic_prefix + "older-"})
    client = AIOKafkaAdminClient(**client_options(older))
    await client.start()
    settings = {"cleanup.policy": "compact,delete", "retention.bytes": "8388608", "min.insync.replicas": "1", "segment.ms": "60000"}
    await client.create_topics([NewTopic(older.topic_prefix + SOURCES.name, 12, 1, topic_configs=settings)])
    while older.topic_prefix + SOURCES.name not in await client.list_topics():  # noqa: ASYNC110 the broker's, not ours
        await asyncio.sleep(0.1)
    report = await admin.create_topics(older, (SOURCES,))
    assert report.altered == [SOURCES.name]
    _, config = (await admin.describe_topics(older, (SOURCES,)))[SOURCES.name]
    assert (config["cleanup.policy"], config["min.insync.replicas"], config["segment.ms"]) == ("compact", "1", "60000")
    assert (await admin.create_topics(older, (SOURCES,))).altered == []
    await client.delete_topics([older.topic_prefix + SOURCES.name])
    await client.close()


def letter(number: int) -> list[tuple[str, bytes]]:
    origin = b"market.raw.v1/5/0/%d/0" % number
    said = {"error_reason": b"malformed", "error_source": b"coinbase", "received_at": b"2026-01-01T00:00:00Z", "origin": origin}
    return list(said.items())


async def expired(kafka: Kafka, before: int) -> None:
    """What retention does with a partition's oldest letters."""
    client = AIOKafkaAdminClient(**client_options(kafka))
    await client.start()
    place = TopicPartition(kafka.topic_prefix + DEAD_LETTERS.name, 0)
    await client.delete_records({place: RecordsToDelete(before_offset=before)})
    await client.close()


async def replayed(kafka: Kafka, run: Run) -> Run:
    publisher = Publisher(kafka, client_id="test", in_flight=100)
    pace = Pace(kafka, 0)
    ingest = Ingest(run, publisher, pace, asyncio.Event())
    await ingest.begin()
    await ingest.opened(ReplayInput(kafka, run, msgspec.convert(run.request, ReplayRequest)))
    await ingest.carry_out()
    await publisher.close()
    await pace.close()
    return ingest.run


async def numbers(kafka: Kafka) -> list[int]:
    records: Sequence[bytes] = [record.value or b"" for record in await runs.records(kafka, MARKET_RAW)]
    return sorted(int(value.rpartition(b" ")[2]) for value in records if b"letter" in value)


@pytest.mark.parametrize(
    ("lost", "again", "said"),
    [
        (4, [4, 5, 6, 7, 8, 9], "10 dead letters replayed"),
        (6, [6, 7, 8, 9], "8 dead letters replayed; 2 offsets were removed by retention before they were read: pipeline.dlq.v1/0 [4, 6)"),
    ],
)
async def test_a_resumed_replay_passes_over_nothing_that_retention_left(
    kafka_settings: Kafka, lost: int, again: list[int], said: str
) -> None:
    async with Producer(kafka_settings, client_id="test") as producer:
        for number in range(10):
            producer.add(DEAD_LETTERS, 0, b"coinbase|BTC-USD", b"letter %d" % number, letter(number))
        await producer.flush()
    request = msgspec.to_builtins(ReplayRequest("frames", [(0, 0, 10)]))
    checkpoint = {"range": 0, "offset": 4, "letters": 4, "partitions": [3]}
    run = Run("frames-x-1", "replay", "running", "coinbase", NOW, NOW, request, 4, attempts=2, checkpoint=checkpoint)
    await expired(kafka_settings, lost)
    done = await replayed(kafka_settings, run)
    assert (done.status, done.sent, done.message) == ("published", 4 + len(again), said)
    assert await numbers(kafka_settings) == again


async def test_a_replay_whose_progress_counts_rows_only_begins_anew(kafka_settings: Kafka) -> None:
    async with Producer(kafka_settings, client_id="test") as producer:
        for number in range(10):
            producer.add(DEAD_LETTERS, 0, b"coinbase|BTC-USD", b"letter %d" % number, letter(number))
        await producer.flush()
    await expired(kafka_settings, 4)
    request = msgspec.to_builtins(ReplayRequest("frames", [(0, 0, 10)]))
    done = await replayed(kafka_settings, Run("frames-x-2", "replay", "running", "coinbase", NOW, NOW, request, 4, attempts=2))
    assert await numbers(kafka_settings) == [4, 5, 6, 7, 8, 9]
    assert "4 offsets were removed" in done.message


async def test_the_owner_removes_old_ended_runs_and_holes_and_nothing_else(kafka_settings: Kafka) -> None:
    states = [("old", "finished", OLD), ("new", "finished", NOW), ("waits", "published", OLD)]
    holes = [("old", "repaired", OLD), ("open", "open", 0), ("new", "lost", NOW)]
    async with Producer(kafka_settings, client_id="test") as producer:
        for name, status, at in states:
            producer.add(RUNS, *rules.record(Run(f"prices-{name}", "prices", status, "csv", at, at)))  # type: ignore[arg-type]
        for name, state, at in holes:
            hole = Hole("binance", name, "trade", 1, 2, state, "gap", OLD, ended_at=at)  # type: ignore[arg-type]
            producer.add(SOURCES, home("binance"), f"binance|hole|{name}|trade|1".encode(), msgspec.json.encode(hole))
        await producer.flush()
    leases = Leases(kafka_settings)
    async with runs.fetching(kafka_settings), asyncio.timeout(30):
        while await removed(kafka_settings) != {b"prices-old", b"binance|hole|old|trade|1"}:
            await leases.turn()
    await leases.close()


async def removed(kafka: Kafka) -> set[bytes]:
    found = [*await runs.records(kafka, RUNS), *await runs.records(kafka, SOURCES)]
    return {record.key or b"" for record in found if record.value is None}
