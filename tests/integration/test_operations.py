"""Operational events from a file to GET /metrics, on the real parts and by the services' own processes."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyarrow import parquet

from shared.settings import Kafka
from shared.topics import MINUTES, OPS_EVENTS, OPS_RAW
from tests.fixtures import desk, operations
from tests.fixtures.operations import Event
from tests.system.services import Services
from tests.system.store import published, query, until

API = b"tickplant-api"
WINDOW = "/metrics?service=checkout&from=2026-01-13T11%3A32%3A14Z&to=2026-01-23T11%3A32%3A14Z"


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    """Every service of the platform."""
    with desk.running(kafka_settings, database_url, tmp_path) as running:
        yield running


def ingest(services: Services, path: Path, *options: str) -> str:
    """`tickplant ingest events`; what it said."""
    command = [sys.executable, "-m", "services.cli", "ingest", "events", str(path), "--wait", *options]
    done = subprocess.run(command, env=services.operator(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{services.logs()}"
    return next(line for line in done.stdout.splitlines() if "received" in line)


def get(services: Services, path: str) -> Any:
    response = httpx.get(f"http://127.0.0.1:{services.api_port}{path}", timeout=20)
    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_float=Decimal)


def metrics(services: Services) -> list[dict[str, Any]]:
    """Every minute, over all pages; without the platform's own requests."""
    rows: list[dict[str, Any]] = []
    url: str | None = "/metrics?limit=7"
    while url is not None:
        answer = get(services, url)
        rows += [row for row in answer["results"] if row["service"] != "tickplant-api"]
        url = answer["next_url"]
    return rows


def spelled(value: Any) -> str:
    """A value of an answer as CSV has it."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value).lower() if isinstance(value, bool) else str(value)


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
    assert sum("event_id" in value for key, value in published(kafka_settings, OPS_RAW) if key != API) == len(events)
    cleaned = [value for key, value in published(kafka_settings, OPS_EVENTS) if value["kind"] == "service_event" and key != API]
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


def test_pushed_events_are_counted_once_however_often_they_are_sent(services: Services, kafka_settings: Kafka) -> None:
    url = f"http://127.0.0.1:{services.api_port}/events"
    now = datetime.now(UTC).replace(microsecond=0)
    event = {"event_id": "a", "timestamp": now.isoformat(), "service": " Push ", "event_type": "x", "latency_ms": 7, "status_code": 503}
    batch = [event, {**event, "event_id": "b", "latency_ms": 8}, {"service": "push"}, {**event, "event_id": "c", "timestamp": "soon"}]
    for body in (event, batch, event, batch):
        response = httpx.post(url, json=body, timeout=20)
        assert (response.status_code, response.json()) == (202, {"accepted": len(body) if isinstance(body, list) else 1})
    until(lambda: [row["request_count"] for row in get(services, "/metrics?service=PUSH")["results"]], [2])
    (row,) = get(services, "/metrics?service=push")["results"]
    assert (row["avg_latency_ms"], row["error_count"], row["error_rate"]) == (Decimal("7.5"), 2, 1)
    until(lambda: get(services, "/rejects")["counts"], {"bad_timestamp": 2, "missing_event_id": 2})
    told = get(services, "/rejects?reason=bad_timestamp&limit=1")
    assert told["counts"] == {"bad_timestamp": 2}
    assert [(reject["source"], json.loads(reject["sample"])["event_id"]) for reject in told["results"]] == [("push", "c")]
    assert len(get(services, told["next_url"])["results"]) == 1
    until(lambda: {row["service"] for row in get(services, "/metrics")["results"]}, {"push", "tickplant-api"})
    until(lambda: sum(row["request_count"] for row in get(services, "/metrics?service=tickplant-api")["results"]) >= 6, True)
    assert any(value.get("service") == "push" for _, value in published(kafka_settings, OPS_EVENTS))
    until(lambda: any(key and key.startswith(b"tickplant-api|") for key, _ in published(kafka_settings, MINUTES)), True)


def test_what_cannot_be_pushed_is_told_by_a_problem(services: Services) -> None:
    url = f"http://127.0.0.1:{services.api_port}/events"
    for body, status, said in (
        (b"{", 422, "body: event 0: event: Input data was truncated"),
        (b"[1]", 422, "body: event 0 is no JSON object; expected one object or an array of objects"),
        (b"", 422, "body: event 0 is no JSON object; expected one object or an array of objects"),
        (b"[{},", 422, "body: malformed"),
        (b"[" + b"{}," * 1000 + b"{}]", 413, "the body has 1,001 events; API__MAX_EVENTS allows 1,000"),
        (b" " * (1 << 20) + b"{}", 413, "the body has more than 1,048,576 bytes (API__MAX_BODY_BYTES); send less at a time"),
    ):
        response = httpx.post(url, content=body, timeout=20)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        assert said.removesuffix("malformed") in response.json()["detail"]
    assert httpx.post(url, content=(b"{}" for _ in range(600_000)), timeout=20).status_code == 413
    assert httpx.post(url, content=b"x", headers={"content-encoding": "gzip"}, timeout=20).status_code == 415


def test_metrics_are_asked_for_as_written_and_wrong_times_are_named(services: Services, tmp_path: Path) -> None:
    ingest(services, write_lines(tmp_path / "events.jsonl", operations.generate(60)))
    rows = get(services, WINDOW)["results"]
    assert rows
    answer = httpx.get(f"http://127.0.0.1:{services.api_port}{WINDOW}&limit=1", headers={"Accept": "text/csv"}, timeout=20)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["link"].startswith("</metrics?service=checkout&")
    (first,) = csv.DictReader(answer.text.splitlines())
    assert {name: value or None for name, value in first.items()} == {
        name: None if value is None else spelled(value) for name, value in rows[0].items()
    }
    for query_string, parameter in (
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-01-23&to=2026-01-13", "from"),
        ("limit=0", "limit"),
        ("service=", "service"),
        ("cursor=x", "cursor"),
    ):
        response = httpx.get(f"http://127.0.0.1:{services.api_port}/metrics?{query_string}", timeout=20)
        assert (response.status_code, response.json()["parameter"]) == (422, parameter)


def test_the_layers_of_a_run_hold_every_row_and_what_became_of_it(services: Services, tmp_path: Path) -> None:
    events = operations.generate(300)
    wanted = operations.expected(events)
    path = tmp_path / "one-line.json"
    path.write_text(json.dumps(events))
    ingest(services, path, "--output", str(tmp_path / "out"))
    layers = {name: table(tmp_path / "out" / name) for name in ("bronze/raw_events", "silver/cleaned_events", "silver/error_cases")}
    raw = layers["bronze/raw_events"]
    assert [json.loads(row["payload"]) for row in raw] == events
    assert Counter(row["errors"] for row in raw if row["errors"] and not row["errors"].startswith("null:")) == wanted.rejected
    assert len(layers["silver/cleaned_events"]) == wanted.stored
    outcomes = Counter(row["outcome"] for row in layers["silver/error_cases"])
    assert outcomes == {"rejected": wanted.rejected.total(), "duplicate": wanted.duplicate, "null": wanted.nulled.total()}
    told = {(row["service"], row["start"]): row for row in metrics(services)}
    for row in table(tmp_path / "out" / "silver/aggregated_metrics"):
        same = told.pop((row["service"], row["start"]))
        assert {name: value for name, value in row.items() if value is not None} == {
            name: same[name] for name in row if same[name] is not None
        }
    assert told == {}
    first = {file: file.read_bytes() for file in (tmp_path / "out/silver").iterdir()}
    ingest(services, path, "--output", str(tmp_path / "again"))
    assert {file.name: file.read_bytes() for file in (tmp_path / "again/silver").iterdir()} == {f.name: b for f, b in first.items()}


def table(path: Path) -> list[dict[str, Any]]:
    """A layer from its Parquet file, held against its CSV."""
    rows: list[dict[str, Any]] = parquet.read_table(path.with_suffix(".parquet")).to_pylist()
    with path.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        for row, written in zip(rows, csv.DictReader(file), strict=True):
            for name, value in row.items():
                assert cell(written[name], value) == value, name
    return rows


def cell(text: str, like: Any) -> Any:
    """What a cell of a CSV says, in the type that Parquet has."""
    if like is None or isinstance(like, str):
        return text or like
    return type(like)(text)
