"""Snapshots with failover, on the whole platform: what is asked for is stored, and every attempt is where it should be."""

import csv
import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.settings import Kafka
from shared.topics import MARKET_RAW
from tests.system.services import Services
from tests.system.store import headers, query, until

PARTS = ("transformer", "writer", "fetcher", "api")
PATHS = {"coincap": "coincap/v2"}
# What the primary does, and what a snapshot then sees of it: the status of each attempt, None for no answer.
WAYS: dict[str, tuple[dict[str, Any], list[int | None]]] = {
    "500": ({"kind": "status", "status": 500}, [500, 500]),
    "429": ({"kind": "status", "status": 429, "retry_after": 2}, [429]),
    "garbage": ({"kind": "garbage", "how": "truncated"}, [200, 200]),
    "dead": ({"kind": "refuse"}, [None, None]),
}


def begin(services: Services, *providers: str, **settings: str) -> str:
    """A simulated exchange, and a platform that takes its snapshots there, in this order."""
    services.configure(SIMULATOR__RATE="0", SIMULATOR__PRICE_RATE="0", TELEMETRY__REPORT_REQUESTS="true")
    services.start("simulator")
    services.wait_ready("simulator")
    base = f"http://127.0.0.1:{services.ports['simulator']}"
    sources = [
        {"name": f"{name}-sim", "provider": name, "per_minute": 600, "base_url": f"{base}/{PATHS.get(name, name)}"} for name in providers
    ]
    services.configure(SNAPSHOTS__SOURCES=json.dumps(sources), **settings)
    for name in PARTS:
        services.start(name)
    for name in PARTS:
        services.wait_ready(name)
    services.configure(FETCHER__URL=f"http://127.0.0.1:{services.ports['fetcher']}")
    return base


def fetch(services: Services, out: Path, *arguments: str) -> tuple[str, list[list[str]]]:
    """`tickplant fetch prices`: the newest run's file, and the lines printed."""
    command = [sys.executable, "-m", "services.cli", "fetch", "prices", "--out", str(out), *arguments]
    done = subprocess.run(command, env=services.operator(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + services.logs()
    file, _, *lines = done.stdout.splitlines()
    return file, [line.split() for line in lines]


@pytest.mark.timeout(240)
def test_whatever_the_primary_does_the_snapshot_comes_from_the_next_source(
    services: Services, database_url: str, kafka_settings: Kafka, tmp_path: Path
) -> None:
    simulator = begin(services, "coingecko", "coincap", SNAPSHOTS__FAILURES="20")
    files: set[str] = set()
    seen: list[int | None] = []
    for fault, statuses in WAYS.values():
        httpx.post(f"{simulator}/_control/faults", json={"faults": [{**fault, "venue": "coingecko"}]}).raise_for_status()
        until(lambda: source(services)["breaker"], "closed")
        file, lines = fetch(services, tmp_path / "out", "--assets", "bitcoin,ethereum")
        files.add(file)
        assert [(asset, name) for asset, _, name, *_ in lines] == [("bitcoin", "coincap-sim"), ("ethereum", "coincap-sim")]
        seen += statuses
        rows = [row for file in sorted(files) for row in csv.DictReader(Path(file).read_text().splitlines())]
        failed = [row for row in rows if row["source"] == "coingecko-sim"]
        assert [row["http_status"] for row in failed[::2]] == ["" if status is None else str(status) for status in seen]
        assert {row["price_usd"] for row in failed} == {""}
        assert [(row["asset"], row["price_usd"]) for row in rows[-2:]] == [(asset, price) for asset, price, *_ in lines]
    told = source(services)
    assert (told["last_success"], told["failures"], told["breaker"]) == (None, 6, "closed")
    logged = log(simulator, "coingecko")
    assert [line["status"] or None for line in logged] == seen
    runs = query(database_url, "SELECT run_id FROM runs")
    until(lambda: query(database_url, "SELECT count(*) FROM runs WHERE status = 'finished'")[0][0], len(WAYS), explain=services.logs)
    assert len(runs) == len(WAYS)
    for (run,) in runs:
        found = api(services, f"runs/{run}")
        assert found["received"] == found["stored"] + found["duplicate"] + found["rejected"]
        assert {price for attempt in found["result"]["attempts"] for price in attempt.get("prices", {})} == {"bitcoin", "ethereum"}
    until(lambda: minutes(services, "coingecko-sim")["request_count"], len(seen), explain=services.logs)
    assert minutes(services, "coingecko-sim")["error_count"] == sum(line["status"] >= 400 for line in logged)
    assert minutes(services, "coingecko-sim")["status_count"] == sum(line["status"] > 0 for line in logged)
    assert minutes(services, "coincap-sim") == {"request_count": 4, "status_count": 4, "error_count": 0}
    check_stored(database_url, kafka_settings)


def check_stored(url: str, kafka: Kafka) -> None:
    """The prices once each, what is known of the coins, and the garbage with why it is none; every response is kept with its headers."""
    stored = query(url, "SELECT source, symbol, kind FROM ticks ORDER BY symbol, event_time")
    assert Counter(map(tuple, stored)) == {("coincap-sim", "BTC-USD", "index"): 4, ("coincap-sim", "ETH-USD", "index"): 4}
    infos = query(url, "SELECT DISTINCT symbol, name, rank FROM market_info ORDER BY symbol")
    assert list(map(tuple, infos)) == [("BTC-USD", "Bitcoin", 1), ("ETH-USD", "Ethereum", 2)]
    assert [tuple(row) for row in query(url, "SELECT source, reason FROM dead_letters")] == [("coingecko-sim", "malformed")] * 2
    responses = [found for found in headers(kafka, MARKET_RAW) if found.get("ce_type") == b"market.response"]
    assert Counter(found["http_status"] for found in responses) == {b"200": 6}
    assert all(found["attempt"] in (b"1", b"2") and found["url"].startswith(b"http://127.0.0.1:") for found in responses)


def source(services: Services) -> dict[str, Any]:
    """What GET /status says of the primary."""
    answer = httpx.get(f"http://127.0.0.1:{services.ports['fetcher']}/status", timeout=20).json()
    found: dict[str, Any] = next(one for one in answer["snapshots"] if one["source"] == "coingecko-sim")
    return found


def log(simulator: str, venue: str) -> list[dict[str, Any]]:
    """Every request that the simulated venue saw."""
    answer = httpx.get(f"{simulator}/_control/log", params={"venue": venue, "kind": "request"}, timeout=30)
    return [json.loads(line) for line in answer.text.splitlines()]


def api(services: Services, path: str) -> dict[str, Any]:
    """An answer of the api."""
    answer = httpx.get(f"http://127.0.0.1:{services.api_port}/{path}", timeout=20)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
    return found


def minutes(services: Services, name: str) -> dict[str, int]:
    """The sums over a provider's operational minutes."""
    rows = api(services, f"metrics?service={name}")["results"]
    return {count: sum(row[count] for row in rows) for count in ("request_count", "status_count", "error_count")}
