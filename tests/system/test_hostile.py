"""Hostile input at every way in of a running stack: nothing stops, nothing grows, and good facts arrive within seconds."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from random import Random

import httpx
import psutil

from shared.settings import Kafka
from tests.fixtures.servers import Server
from tests.hostile import bodies, files
from tests.system.attack import Attack, web
from tests.system.services import Services
from tests.system.store import query, until

SEED = 20_261_130
PARTS = ("fetcher", "transformer", "quality", "writer", "archiver", "api")
BODIES = 80  # for each endpoint
RECORDS = 20  # of each topic
GROWTH = 150 * 1024 * 1024
ARRIVE_SECONDS = 30
QUIET_SECONDS = 120
GOOD = {
    "/ticks": "SELECT count(*) FROM ticks WHERE symbol = 'GOOD-USD' AND id = $1",
    "/events": "SELECT count(*) FROM service_events WHERE event_id = $1",
    "/orders": "SELECT count(*) FROM orders WHERE order_id = $1",
}


def test_hostile_input_everywhere_stops_nothing(
    services: Services, kafka_settings: Kafka, database_url: str, tmp_path: Path, s3: Server, s3_bucket: str
) -> None:
    services.configure(
        **{**s3.environment, "S3__BUCKET": s3_bucket},
        S3__OBJECT_SECONDS="2",
        API__INGEST_WAIT_SECONDS="0",
        FETCHER__ALLOWED_FOLDERS='["/"]',
        FETCHER__ALLOWED_HOSTS='["127.0.0.1", "localhost"]',
        FETCHER__ALLOW_PRIVATE_ADDRESSES="true",
    )
    for part in PARTS:
        services.start(part)
    for part in PARTS:
        services.wait_ready(part, 90)
    base = f"http://127.0.0.1:{services.api_port}"
    attack = Attack(base, kafka_settings, SEED)
    paths = files.write(tmp_path / "files", Random(SEED))
    good_arrives(services, database_url, 1)
    with web() as addresses:
        assault(attack, paths, addresses)
        good_arrives(services, database_url, 2)
        settled(services, database_url)
        before = memory(services)
        assault(attack, [], addresses)
        good_arrives(services, database_url, 3)
    settled(services, database_url)
    grown = {part: size - before[part] for part, size in memory(services).items() if size - before[part] > GROWTH}
    assert grown == {}
    assert {part: services.running(part) for part in PARTS} == dict.fromkeys(PARTS, True), services.logs()
    verified = subprocess.run(
        [sys.executable, "-m", "services.writer", "verify"],
        env=services.operator(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert {status for status in attack.answers if status >= 500} == set(), dict(attack.answers)
    for part in PARTS:
        services.wait_ready(part, 20)


def assault(attack: Attack, paths: list[Path], addresses: list[str]) -> None:
    """One round at every way in."""
    assert attack.publish(attack.asked(paths)) == 4 * len(paths)
    for path in attack.endpoints():
        attack.post(path, BODIES)
    for number in range(len(bodies.ADDRESSES) + len(addresses)):
        attack.address(number, addresses)
    attack.publish(attack.raw(RECORDS) + attack.derived(RECORDS))


def good_arrives(services: Services, url: str, number: int) -> None:
    """A good fact of each endpoint is accepted and stored within seconds."""
    base, deadline = f"http://127.0.0.1:{services.api_port}", time.monotonic() + ARRIVE_SECONDS
    for path, body in bodies.good(number, int(time.time() * 1000)).items():
        assert httpx.post(base + path, content=body, timeout=10).status_code == 202, services.logs()
    for sql in GOOD.values():
        left = max(deadline - time.monotonic(), 0.1)
        until(partial(stored, url, sql, f"good-{number}"), 1, left, services.logs)


def stored(url: str, sql: str, name: str) -> int:
    """How many rows have that name."""
    return int(query(url, sql, name)[0][0])


def settled(services: Services, url: str) -> None:
    """Waits until every run has ended."""
    open_runs = "SELECT run_id, status, message FROM runs WHERE status NOT IN ('finished', 'failed') AND run_id ~ $1 LIMIT 5"
    until(
        lambda: [tuple(row) for row in query(url, open_runs, "^(prices|frames|events|orders)-[0-9]{8}T[0-9]{6}-[0-9a-f]{6}$")],
        [],
        QUIET_SECONDS,
        services.logs,
    )


def memory(services: Services) -> dict[str, int]:
    """The resident memory of each process."""
    return {part: psutil.Process(services.pid(part)).memory_info().rss for part in PARTS}
