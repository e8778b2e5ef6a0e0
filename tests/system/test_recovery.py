"""Kafka and Postgres are lost; the archive gives the same tables again, and a new Kafka's archive leaves the old one alone."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.writer.sinks.postgres import PostgresSink
from shared.archive import catalog, chain, views
from shared.archive.layout import Span
from shared.archive.store import Store
from shared.bus import admin
from shared.settings import S3, Kafka
from shared.topics import MARKET_RAW, TICKS
from tests.fixtures import archive, databases
from tests.fixtures.servers import Parts, Server
from tests.system import answers, gold, tables
from tests.system.mixture import Mixture
from tests.system.services import Services
from tests.system.store import query, until
from tests.system.test_archive import behind, ends_of

TRADES = int(os.environ.get("TICKPLANT_TEST_RECOVERY_TRADES", "1000"))
STORED = {topic.name for topic in PostgresSink.topics}
STAGES = ("fetcher", "transformer", "writer", "archiver")


@contextmanager
def platform(kafka: Kafka, url: str, s3: dict[str, str], folder: Path) -> Iterator[Services]:
    """All services on these parts."""
    folder.mkdir()
    environment = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
        "KAFKA__SESSION_TIMEOUT_MS": "6000",
        "DATABASE_URL": url,
        "FETCHER__ALLOWED_FOLDERS": str(folder.parent),
        "WRITER__OUTPUT_FOLDER": str(folder.parent / "output"),
        "TELEMETRY__REPORT_REQUESTS": "false",
        "SNAPSHOTS__INTERVAL_SECONDS": "0",
        "S3__OBJECT_SECONDS": "1.5",
        **s3,
    }
    running = Services(environment, folder)
    try:
        for name in STAGES:
            running.start(name)
        for name in STAGES:
            running.wait_ready(name, 150)
        yield running
    finally:
        running.close()


@contextmanager
def new_kafka(parts: Parts, folder: Path, prefix: str) -> Iterator[Kafka]:
    """Another broker, with nothing in it."""
    with Parts(folder, parts.java, "embedded").kafka() as server:
        kafka = Kafka(bootstrap_servers=server.environment["KAFKA_BOOTSTRAP_SERVERS"], topic_prefix=prefix)
        assert not asyncio.run(admin.create_topics(kafka)).mismatches
        yield kafka


def command(services: Services, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`tickplant …` on a stack."""
    environment = services.operator()
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def settled(services: Services, kafka: Kafka, url: str, mixture: Mixture) -> None:
    """Everything is stored and archived; the services are stopped."""
    until(lambda: mixture.stored(lambda sql: query(url, sql)), True, 240, services.logs)
    assert services.stop("fetcher", "transformer") == 0
    until(lambda: unread(kafka, url), set(), 60, services.logs)  # the transformer's last counts come as it leaves
    assert services.stop("writer") == 0
    ends = asyncio.run(ends_of(kafka))
    until(lambda: asyncio.run(behind(kafka, ends)), {}, 120, services.logs)
    assert services.stop("archiver") == 0


def unread(kafka: Kafka, url: str) -> set[tuple[str, int]]:
    """The partitions of which the store has not read all."""
    read = {(topic, number): upto for topic, number, upto in query(url, "SELECT topic, partition, next_offset FROM offsets")}
    ends = asyncio.run(ends_of(kafka))
    return {place for place, end in ends.items() if place[0] in STORED and read.get(place, 0) < end}


@pytest.mark.timeout(900)
def test_an_empty_kafka_and_an_empty_store_become_what_they_were(
    kafka_settings: Kafka,
    database_url: str,
    postgres: Server,
    template_database: str,
    parts: Parts,
    s3: Server,
    s3_bucket: str,
    tmp_path: Path,
) -> None:
    mixture = Mixture(TRADES, tmp_path / "files")
    reached = {**s3.environment, "S3__BUCKET": s3_bucket}
    with platform(kafka_settings, database_url, reached, tmp_path / "first") as services:
        mixture.publish(kafka_settings, (0, 1))
        settled(services, kafka_settings, database_url, mixture)
    before, said = tables.contents(database_url), answers.read(database_url)
    bucket = archive.settings(s3.environment, s3_bucket)
    kept = listed(bucket)
    assert gold.differences(bucket, kafka_settings.topic_prefix, said, tmp_path / "gold") == {}
    with (
        new_kafka(parts, tmp_path / "kafka", kafka_settings.topic_prefix) as kafka,
        databases.database(postgres.environment["DATABASE_URL"], template_database) as url,
        platform(kafka, url, reached, tmp_path / "second") as services,
    ):
        done = command(services, "replay")
        assert done.returncode == 0, done.stdout + done.stderr
        assert asyncio.run(mismatches(kafka)) == [], "records expire as before"
        settled(services, kafka, url, mixture)
        assert tables.differences(before, tables.contents(url)) == {}
        assert answers.differences(said, answers.read(url)) == {}
        assert listed(bucket).items() >= kept.items(), "the old archive is as it was"
        check_new_chains(bucket, kafka)
        check_verify(services, kafka, url, bucket)


async def mismatches(kafka: Kafka) -> list[str]:
    return (await admin.create_topics(kafka)).mismatches


def listed(s3: S3) -> dict[str, tuple[int, int]]:
    """Size and time of every object of the archive; views are replaced."""

    async def read() -> dict[str, tuple[int, int]]:
        async with Store(s3) as store:
            objects = store.objects("")
            return {found.key: (found.size, found.modified) async for found in objects if not found.key.startswith(views.FOLDERS)}

    return asyncio.run(read())


def check_new_chains(s3: S3, kafka: Kafka) -> None:
    """The new cluster's archive has every offset of its logs."""

    async def read() -> list[catalog.Entry]:
        async with Store(s3) as store:
            return [entry async for entry in catalog.entries(store, f"{await admin.cluster_id(kafka)}/")]

    spans: dict[tuple[str, int], list[Span]] = {}
    for entry in asyncio.run(read()):
        spans.setdefault((entry.named.place.topic, entry.named.place.partition), []).append(entry.span)
    ends = {(kafka.topic_prefix + name, number): end for (name, number), end in asyncio.run(ends_of(kafka)).items() if end}
    assert {place: max(span.end for span in held) for place, held in spans.items()} == ends
    assert all(min(span.first for span in held) == 0 and not list(chain.faults(held)) for held in spans.values())


def check_verify(services: Services, kafka: Kafka, url: str, s3: S3) -> None:
    """Balanced; then an object, a row, a candle and a segment are tampered with, and each is named."""
    assert "\nbalanced: " in "\n" + verified(services, 0, "--all")
    symbol, start, identity = query(url, "SELECT symbol, event_time, id FROM ticks ORDER BY event_time LIMIT 1")[0]
    flipped = query(url, "SELECT symbol, start FROM candles ORDER BY start DESC, symbol LIMIT 1")[0]
    run(url, f"DELETE FROM ticks WHERE symbol = '{symbol}' AND id = '{identity}'")
    run(url, f"UPDATE candles SET high = high + 1 WHERE symbol = '{flipped[0]}' AND start = '{flipped[1]}'")
    first, end = remove_one(s3, kafka)
    asyncio.run(cut(kafka))
    said = verified(services, 1)
    assert "FAULT  rows of binance: the ledger has" in said
    assert f"FAULT  candle binance {symbol} trade {start:%Y-%m-%dT%H:%M}Z: it has" in said
    assert f"FAULT  candle binance {flipped[0]} trade {flipped[1]:%Y-%m-%dT%H:%M}Z: its values" in said
    assert f"FAULT  market.raw.v1/{DAMAGED}: the archive has offsets [{first}, {end}) not at all" in said
    assert f"FAULT  market.ticks.v1/{DAMAGED}: the log has lost offsets [0, 1)" in said


DAMAGED = 8  # a partition that has market data


def verified(services: Services, code: int, *more: str) -> str:
    """What `tickplant verify` says."""
    done = command(services, "verify", *more)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def run(url: str, sql: str) -> None:
    """One statement."""
    databases.execute(url, sql)


def remove_one(s3: S3, kafka: Kafka) -> tuple[int, int]:
    """Removes the first object of a chain; returns its offsets."""

    async def remove() -> tuple[int, int]:
        async with Store(s3) as store:
            cluster = await admin.cluster_id(kafka)
            chain = (await catalog.chains(store, cluster, "bronze", kafka.topic_prefix + MARKET_RAW.name))[DAMAGED]
            await store.delete(chain[0].key)
            return chain[0].span.first, chain[0].span.end

    return asyncio.run(remove())


async def cut(kafka: Kafka) -> None:
    """The log of a partition begins later than it did."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await client.start()
    try:
        await client.delete_records({TopicPartition(kafka.topic_prefix + TICKS.name, DAMAGED): RecordsToDelete(before_offset=1)})
    finally:
        await client.close()
