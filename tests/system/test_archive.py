"""Everything is archived while the archive's writers are killed, fight over partitions, and S3 fails in bursts."""

import asyncio
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from shared.bus import Log, admin
from shared.records import Record
from shared.settings import S3, Kafka
from shared.topics import TOPICS, Topic
from tests.fixtures import archive
from tests.fixtures.faulty import FAULTS, faulty
from tests.fixtures.servers import Server
from tests.system.mixture import Mixture
from tests.system.services import Services
from tests.system.store import query, until

# The long form: TICKPLANT_TEST_ARCHIVE_RECORDS=500000 TICKPLANT_TEST_ARCHIVE_KILLS=10
RECORDS = int(os.environ.get("TICKPLANT_TEST_ARCHIVE_RECORDS", "5000"))
KILLS = int(os.environ.get("TICKPLANT_TEST_ARCHIVE_KILLS", "2"))
MOST_MIB = 300
COMPACTED = tuple(topic for topic in TOPICS if "compact" in topic.cleanup)


@pytest.mark.timeout(900)
def test_every_offset_is_in_one_object_whatever_is_killed(
    services: Services,
    kafka_settings: Kafka,
    database_url: str,
    tmp_path: Path,
    s3: Server,
    s3_bucket: str,
    record_property: Callable[[str, object], None],
) -> None:
    mixture = Mixture(RECORDS * 2 // 5, tmp_path / "files")
    rnd = random.Random(9)
    with faulty(s3.environment["AWS_ENDPOINT_URL_S3"], seed=3) as (address, met, clear):
        services.configure(
            **{**s3.environment, "AWS_ENDPOINT_URL_S3": address, "S3__BUCKET": s3_bucket, "S3__OBJECT_SECONDS": "1.5"},
            S3__OBJECT_RECORDS="2500",
            S3__TIMEOUT_SECONDS="2",
        )
        for name in ("fetcher", "transformer", "writer", "archiver", "archiver-2"):
            services.start(name)
        peak = 0
        for part in range(KILLS):
            mixture.publish(kafka_settings, (part, KILLS))
            for _ in range(5):
                time.sleep(rnd.uniform(0.1, 0.8))
                peak = max(peak, *(memory(services, name) for name in ("archiver", "archiver-2")))
            name = rnd.choice(("archiver", "archiver-2"))
            services.kill(name)
            services.start(name)
        until(lambda: mixture.stored(lambda sql: query(database_url, sql)), True, 300, services.logs)
        until(lambda: all(met[fate] for fate in (*FAULTS, "through")), True, 120, lambda: str(met))
        clear()
        assert services.stop("writer", "transformer", "fetcher") == 0
        ends = asyncio.run(ends_of(kafka_settings))
        until(lambda: asyncio.run(behind(kafka_settings, ends)), {}, 240, services.logs)
        peak = max(peak, *(memory(services, name) for name in ("archiver", "archiver-2")))
    check(kafka_settings, archive.settings(s3.environment, s3_bucket), ends)
    record_property("archivers' peak, MiB", peak)
    assert peak < MOST_MIB, f"{peak} MiB"


def memory(services: Services, name: str) -> int:
    """The most MiB that a process of this test has had resident, or, but on Linux, has now."""
    told = Path(f"/proc/{services.pid(name)}/status")
    if not told.exists():
        return int(psutil.Process(services.pid(name)).memory_info().rss // 1024**2)
    return int(next(line for line in told.read_text().splitlines() if line.startswith("VmHWM:")).split()[1]) // 1024


async def ends_of(kafka: Kafka) -> dict[tuple[str, int], int]:
    """The end of each partition's log."""
    async with Log(kafka) as log:
        return {(topic.name, number): end for topic in TOPICS for number, (_, end) in (await log.ranges(topic)).items()}


async def behind(kafka: Kafka, ends: dict[tuple[str, int], int]) -> dict[tuple[str, int], tuple[int, int]]:
    """The partitions whose archive has not reached the end of the log."""
    committed = await admin.committed(kafka, "s3", TOPICS)
    done = {place: committed.get(place, (0, ""))[0] for place in ends}
    return {place: (done[place], end) for place, end in ends.items() if done[place] != end}


def check(kafka: Kafka, s3: S3, ends: dict[tuple[str, int], int]) -> None:
    """Chains without holes up to the ends of the logs; every record that the log still has, byte for byte."""
    chains = archive.chains(asyncio.run(archive.objects(s3)))
    reached = {(name.removeprefix(kafka.topic_prefix), number): held[-1][1].end for (name, number), held in chains.items()}
    assert reached == {place: end for place, end in ends.items() if end}
    assert all(held[0][1].first == 0 for held in chains.values())
    total = 0
    for topic in TOPICS:
        logged = asyncio.run(records(kafka, topic))
        found = {
            (number, record.offset): (record.key, record.value, tuple(record.headers), record.timestamp)
            for (name, number), held in chains.items()
            if name == kafka.topic_prefix + topic.name
            for _, _, rows in held
            for record in rows
        }
        total += len(found)
        for record in logged:
            place = record.partition, record.offset
            assert found[place] == (record.key, record.value, tuple(record.headers), record.timestamp), (topic.name, place)
        assert topic in COMPACTED or len(found) == len(logged)
    assert total >= RECORDS, total


async def records(kafka: Kafka, topic: Topic) -> list[Record]:
    """What the log has of a topic."""
    found: list[Record] = []
    async with Log(kafka) as log:
        for number, (first, end) in (await log.ranges(topic)).items():
            async for batch in log.read(topic, number, first, end):
                found += batch
    return found
