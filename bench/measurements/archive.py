"""The archive: market.raw.v1 into objects by one process, back from them into a topic, and the proof over all that came of it.

Archiving is timed from the moment the partitions are taken (the process's own log line) to the commit of the last object; the replay
and the proof by what the commands themselves say. S3 is the embedded one, on the same machine, and so are Kafka and Postgres.
"""

import asyncio
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import boto3

from bench import contestants, databases, feed, reference, topics
from bench.contestants import Told
from bench.faults import Fault
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.measurements import transformer, writer
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from deploy.local.instance import Instance
from deploy.local.java import Java
from deploy.local.ports import free_ports
from deploy.local.s3 import S3
from deploy.local.settings import load
from shared.bus import admin
from shared.topics import MARKET_RAW, TICKS, TOPICS, Topic

GOALS = (
    Goal("archive: records into bronze", "archive", "rate", 120_000, None, unit="/s"),
    Goal("archive: peak memory", "archive", "rss_mib", 300, None, unit=" MiB", at_least=False),
    Goal("replay: S3 to topic", "replay", "rate", 120_000, None, unit="/s"),
    Goal("verify --all: seconds for a million stored ticks", "verify", "s_per_million", 6, None, unit=" s", at_least=False),
)
CONTESTANTS = (
    ("archive", "each offset in one object, zstd, sha256"),
    ("replay", "byte for byte, timestamps too"),
    ("verify", "--all: candles and counts computed anew, chains and offsets compared, every object read"),
)
_SENT = re.compile(r"([\d,]+) records replayed in ([\d.]+) s")
_PROVED = re.compile(r"^balanced: ([\d,]+) ticks, [\d,]+ candles in ([\d.]+) s", re.MULTILINE)


def measure(session: Session) -> list[Sample]:
    """Each once a round."""
    session.say(f"filling market.raw.v1 with {session.options.records:,} trades")
    topics.renew(session.kafka, TOPICS)
    feed.fill_raw(session.kafka, session.market)
    samples: list[Sample] = []
    with _s3(session) as reached:
        for number in range(1, session.options.rounds + 1):
            bucket = {**reached, "S3__BUCKET": _bucket(reached)}
            runs: dict[str, Callable[[], dict[str, float]]] = {
                "archive": lambda bucket=bucket: _archive(session, bucket),  # type: ignore[misc]
                "replay": lambda bucket=bucket: _replay(session, bucket),  # type: ignore[misc]
            }
            samples += [sample(session, name, number, run) for name, run in runs.items()]
        bucket = {**reached, "S3__BUCKET": _bucket(reached)}
        samples.append(sample(session, "verify", 1, lambda: _verify(session, bucket)))
    return samples


def rows(samples: Sequence[Sample]) -> list[Row]:
    """Goals first, then the figures."""
    figures = (("rate", "/s"), ("cpu_s_per_million", " CPU-s/M"), ("rss_mib", " MiB"))
    return [*(row(goal, samples) for goal in GOALS), *notes(CONTESTANTS, samples, *figures)]


@contextmanager
def _s3(session: Session) -> Iterator[dict[str, str]]:
    local = load()
    part = S3(session.folder("s3"), free_ports(1)[0], Java(local.maven_repository, local.cache, session.say))
    instance = Instance(part, session.home / "s3.log")
    instance.start()
    try:
        yield part.environment()
    finally:
        instance.stop()


def _bucket(reached: dict[str, str]) -> str:
    """A bucket of a round's own."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    client = boto3.client(
        "s3",
        endpoint_url=reached["AWS_ENDPOINT_URL_S3"],
        region_name=reached["AWS_REGION"],
        aws_access_key_id=reached["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=reached["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=name)
    return name


def _archive(session: Session, bucket: Mapping[str, Any], archived: Sequence[Topic] = (MARKET_RAW,)) -> dict[str, float]:
    """From the beginning of the logs to their ends."""
    for topic in archived:
        topics.rewind(session.kafka, "s3", topic)
    wanted = {(topic.name, number): end for topic in archived for number, end in topics.ends(session.kafka, topic).items() if end}
    service = Service(session, "archiver", **bucket, S3__OBJECT_SECONDS="2")
    try:
        first = service.said("partitions taken")
        last = _until_archived(session, service, wanted)
    except Fault:
        service.process.kill()
        raise
    used, count = service.process.stop(), sum(wanted.values())
    return contestants.figures(count, Told(count, first, last), used)


def _until_archived(session: Session, service: Service, wanted: Mapping[tuple[str, int], int]) -> float:
    names = {name for name, _ in wanted}
    deadline = time.monotonic() + session.options.limit
    while True:
        done = asyncio.run(admin.committed(session.kafka, "s3", [topic for topic in TOPICS if topic.name in names]))
        if all(done.get(place, (0, ""))[0] >= end for place, end in wanted.items()):
            return time.time()
        if time.monotonic() > deadline or not service.process.running:
            raise Fault(f"is not done: {service.process.output[-1500:]}")
        time.sleep(0.2)


def _replay(session: Session, bucket: dict[str, str]) -> dict[str, float]:
    into = f"{session.name('again')}."
    arguments = ("replay", "--topic", MARKET_RAW.name, "--into", into, "--no-wait")
    environment = {"KAFKA_BOOTSTRAP_SERVERS": session.kafka.bootstrap_servers, "KAFKA__TOPIC_PREFIX": session.kafka.topic_prefix}
    process = session.start(
        "replay", sys.executable, "-m", "services.cli", *arguments, **environment, **bucket, TICKPLANT_HOME=str(session.home)
    )
    used = process.wait(session.options.limit)
    said = _SENT.search(process.output)
    if said is None:
        raise Fault(f"said {process.output[-500:]}")
    count, seconds = int(said[1].replace(",", "")), float(said[2])
    asyncio.run(admin.delete_topics(session.kafka.model_copy(update={"topic_prefix": into + session.kafka.topic_prefix})))
    return contestants.figures(count, Told(count, 0.0, seconds), used)


def _verify(session: Session, bucket: Mapping[str, str]) -> dict[str, float]:
    """Over what the writer has stored of the market, and the archive of every topic."""
    transformer.run(session, reference.candles(session.market.trades()), ticks=transformer.digest(session.market.trades()))
    with databases.fresh(session) as url:
        service = Service(session, "writer", database_url=url)
        try:
            asyncio.run(
                writer.until_stored(url, {TICKS.name: sum(topics.ends(session.kafka, TICKS).values())}, service, session.options.limit)
            )
        finally:
            service.process.stop()
        databases.execute(url, "ANALYZE")
        _archive(session, bucket, TOPICS)
        reached = {"KAFKA_BOOTSTRAP_SERVERS": session.kafka.bootstrap_servers, "KAFKA__TOPIC_PREFIX": session.kafka.topic_prefix}
        command = (sys.executable, "-m", "services.writer", "verify", "--all")
        process = session.start("verify", *command, **reached, **bucket, DATABASE_URL=url)
        used = process.wait(session.options.limit)
        said = _PROVED.search(process.output)
        if said is None:
            raise Fault(f"said {process.output[-500:]}")
    count, seconds = int(said[1].replace(",", "")), float(said[2])
    return contestants.figures(count, Told(count, 0.0, seconds), used) | {"s_per_million": seconds / count * 1e6}
