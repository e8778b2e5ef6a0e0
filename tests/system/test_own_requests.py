"""The platform measures its own requests: what /metrics says of a polled provider is what the simulator's log of requests says."""

import json
import os
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.system.services import Services
from tests.system.store import until

# Two minutes: TICKPLANT_TEST_OWN_SECONDS=120
SECONDS = float(os.environ.get("TICKPLANT_TEST_OWN_SECONDS", "25"))
FAULTS = {
    "seed": 3,
    "faults": [
        {"kind": "status", "venue": "coinpaprika", "by": "requests", "after": 2, "every": 5, "count": 1, "status": 503},
        {"kind": "slow", "venue": "coinpaprika", "by": "requests", "after": 3, "every": 4, "count": 1, "delay_ms": 300},
    ],
}
# What the network and both event loops of one machine add to what the simulator measures, ms.
SLACK = 100


@pytest.mark.timeout(SECONDS + 180)
def test_metrics_of_a_provider_equal_the_simulator_s_log(services: Services) -> None:
    services.configure(SIMULATOR__SYMBOLS="BTC-USD", TELEMETRY__REPORT_REQUESTS="true")
    services.start("simulator")
    services.wait_ready("simulator")
    simulator = f"http://127.0.0.1:{services.ports['simulator']}"
    httpx.post(f"{simulator}/_control/faults", json=FAULTS).raise_for_status()
    source = {"name": "coinpaprika-sim", "provider": "coinpaprika", "symbols": ["BTC-USD"], "interval_seconds": 1}
    keyed = {**source, "name": "coincap-sim", "provider": "coincap", "base_url": f"{simulator}/coincap/v3"}
    services.configure(FETCHER__SOURCES=json.dumps([{**source, "base_url": f"{simulator}/coinpaprika"}, keyed]), COINCAP_API_KEY="s3cret")
    for name in ("transformer", "writer", "fetcher", "api"):
        services.start(name)
    for name in ("transformer", "writer", "fetcher", "api"):
        services.wait_ready(name)
    time.sleep(SECONDS)
    check_status(services)
    assert {line["status"] for line in log(simulator, "coincap")} == {200}  # which answers only who brings a key
    assert "s3cret" not in services.logs()
    httpx.delete(f"http://127.0.0.1:{services.ports['fetcher']}/sources/coinpaprika-sim", timeout=20).raise_for_status()
    requests = log(simulator)
    assert len(requests) > 8
    errors = sum(not 200 <= line["status"] <= 299 for line in requests)
    assert errors >= 2
    until(lambda: total(minutes(services), "request_count"), len(requests), explain=services.logs)
    found = minutes(services)
    assert total(found, "error_count") == errors
    assert total(found, "status_count") == len(requests)
    for row in found:
        assert row["error_rate"] == (Decimal(row["error_count"]) / row["status_count"]).quantize(Decimal("1e-12"))
    told = sum(row["avg_latency_ms"] * row["request_count"] for row in found) / len(requests)
    measured = sum(line["latency_ms"] for line in requests) / len(requests)
    assert 0 <= told - measured < SLACK


def check_status(services: Services) -> None:
    """What the fetcher's port says of a source that is asked."""
    told = httpx.get(f"http://127.0.0.1:{services.ports['fetcher']}/status", timeout=20).json()["live"]
    [found] = [one for one in told if one["source"] == "coincap-sim"]
    assert (found["state"], found["reason"], found["failures"]) == ("connected", "", 0)
    assert found["budget_left"] < 200
    assert found["last_success"] < found["next_run"]


def log(simulator: str, venue: str = "coinpaprika") -> list[dict[str, Any]]:
    """Every request that the simulated venue answered."""
    answer = httpx.get(f"{simulator}/_control/log", params={"venue": venue, "kind": "request"}, timeout=30)
    return [json.loads(line, parse_float=Decimal) for line in answer.text.splitlines()]


def minutes(services: Services) -> list[dict[str, Any]]:
    """The provider's minutes."""
    answer = httpx.get(f"http://127.0.0.1:{services.api_port}/metrics?service=coinpaprika-sim", timeout=20)
    found: list[dict[str, Any]] = json.loads(answer.text, parse_float=Decimal)["results"]
    return found


def total(rows: list[dict[str, Any]], name: str) -> int:
    return sum(row[name] for row in rows)
