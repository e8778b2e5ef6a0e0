"""Operational events from a file to GET /metrics, on the real parts and by the services' own processes."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.settings import Kafka
from shared.topics import MINUTES, OPS_EVENTS, OPS_RAW
from tests.fixtures import operations
from tests.fixtures.operations import Event
from tests.system.services import Services
from tests.system.store import published, query

WINDOW = "/metrics?service=checkout&from=2026-01-13T11%3A32%3A14Z&to=2026-01-23T11%3A32%3A14Z"


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    """Every service of the platform."""
    environment = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka_settings.topic_prefix,
        "KAFKA__SESSION_TIMEOUT_MS": str(kafka_settings.session_timeout_ms),
        "DATABASE_URL": database_url,
        "FETCHER__ALLOWED_FOLDERS": str(tmp_path),
    }
    running = Services(environment, tmp_path)
    for name in ("transformer", "writer", "fetcher", "api"):
        running.start(name)
    for name in ("transformer", "writer", "fetcher", "api"):
        running.wait_ready(name)
    yield running
    running.close()


def ingest(services: Services, path: Path, *options: str) -> str:
    """`tickplant ingest events`; what it said."""
    command = [sys.executable, "-m", "services.cli", "ingest", "events", str(path), "--wait", *options]
    done = subprocess.run(command, env=services.operator(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{services.logs()}"
    return done.stdout.splitlines()[-1]


def get(services: Services, path: str) -> Any:
    response = httpx.get(f"http://127.0.0.1:{services.api_port}{path}", timeout=20)
    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_float=Decimal)


def metrics(services: Services) -> list[dict[str, Any]]:
    """Every minute, over all pages."""
    rows, url = [], "/metrics?limit=7"
    while url is not None:
        answer = get(services, url)
        rows += answer["results"]
        url = answer["next_url"]
    return rows


def write_csv(path: Path, events: list[Event]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(events[0]))
        writer.writeheader()
        writer.writerows(events)
    return path


def write_array(path: Path, events: list[Event]) -> Path:
    path.write_text(json.dumps(events, indent=1))
    return path


def write_lines(path: Path, events: list[Event]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_a_file_of_events_comes_to_the_minutes_that_an_independent_computation_gives(
    services: Services, tmp_path: Path, database_url: str, kafka_settings: Kafka
) -> None:
    events = operations.generate(1500)
    wanted = operations.expected(events)
    assert len(wanted.rejected) == 5
    said = ingest(services, write_lines(tmp_path / "events.jsonl", events))
    counts = f"received {len(events)}, stored {wanted.stored}, duplicate {wanted.duplicate}, rejected {wanted.rejected.total()}"
    assert counts in said
    assert all(f"{reason} {count}" in said for reason, count in wanted.rejected.items())
    found = metrics(services)
    assert operations.differences(found, wanted.minutes) == []
    assert all(row["is_closed"] for row in found)
    nulled = "SELECT unnest(nulled) AS field, count(*) FROM service_events GROUP BY 1"
    assert {row[0]: row[1] for row in query(database_url, nulled)} == wanted.nulled
    asked = get(services, WINDOW)["results"]
    assert {row["service"] for row in asked} == {"checkout"}
    assert sum("event_id" in value for _, value in published(kafka_settings, OPS_RAW)) == len(events)
    cleaned = [value for _, value in published(kafka_settings, OPS_EVENTS) if value["kind"] == "service_event"]
    assert len(cleaned) == wanted.stored + wanted.duplicate
    assert {key for key, _ in published(kafka_settings, MINUTES)} >= {b"checkout|1768303980000000"}
    again = ingest(services, write_csv(tmp_path / "events.csv", events))
    assert f"received {len(events)}, stored 0" in again
    assert metrics(services) == found


def test_sorted_and_shuffled_files_come_to_the_same(services: Services, tmp_path: Path, database_url: str) -> None:
    events = operations.generate(800, seed=random.Random(3).randrange(1000))
    other = operations.shuffled(events)
    assert other != events
    wanted = operations.expected(events)
    ingest(services, write_array(tmp_path / "shuffled.json", other))
    assert operations.differences(metrics(services), wanted.minutes) == []
    assert operations.expected(other).minutes == wanted.minutes
    ingest(services, write_array(tmp_path / "sorted.json", events))
    assert operations.differences(metrics(services), wanted.minutes) == []
