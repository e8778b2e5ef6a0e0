"""Snapshots with failover, on the whole platform: what is asked for is stored, and every attempt is where it should be."""

import json
from decimal import Decimal
from typing import Any

import httpx

from tests.system.services import Services
from tests.system.store import query, until

PARTS = ("transformer", "writer", "fetcher")


def begin(services: Services, *providers: str, **settings: str) -> str:
    """A simulated exchange, and a platform that takes its snapshots there, in this order."""
    services.configure(SIMULATOR__RATE="0", SIMULATOR__PRICE_RATE="0", TELEMETRY__REPORT_REQUESTS="true")
    services.start("simulator")
    services.wait_ready("simulator")
    base = f"http://127.0.0.1:{services.ports['simulator']}"
    paths = {"coincap": "coincap/v2"}
    sources = [{"name": f"{name}-sim", "provider": name, "base_url": f"{base}/{paths.get(name, name)}"} for name in providers]
    services.configure(SNAPSHOTS__SOURCES=json.dumps(sources), **settings)
    for name in PARTS:
        services.start(name)
    for name in PARTS:
        services.wait_ready(name)
    return base


def fetch(services: Services, **body: Any) -> dict[str, Any]:
    """POST /fetch."""
    answer = httpx.post(f"http://127.0.0.1:{services.ports['fetcher']}/fetch", json=body, timeout=60)
    assert answer.status_code in (200, 502), answer.text
    found: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
    return found


def test_a_snapshot_comes_from_the_next_source_and_is_stored(services: Services, database_url: str) -> None:
    simulator = begin(services, "coingecko", "coincap")
    faults = {"faults": [{"kind": "status", "venue": "coingecko", "status": 500}]}
    httpx.post(f"{simulator}/_control/faults", json=faults).raise_for_status()
    taken = fetch(services, assets=["bitcoin", "ethereum"])
    assert [(price["asset"], price["source"]) for price in taken["prices"]] == [("bitcoin", "coincap-sim"), ("ethereum", "coincap-sim")]
    assert [(attempt["source"], attempt["http_status"]) for attempt in taken["attempts"]] == [
        ("coingecko-sim", 500),
        ("coingecko-sim", 500),
        ("coincap-sim", 200),
    ]
    run = taken["run_id"]
    until(lambda: status(database_url, run), "finished", explain=services.logs)
    stored = query(database_url, "SELECT symbol, price FROM ticks WHERE run = $1 ORDER BY symbol", run)
    assert dict(map(tuple, stored)) == {"BTC-USD": taken["prices"][0]["price_usd"], "ETH-USD": taken["prices"][1]["price_usd"]}
    infos = query(database_url, "SELECT symbol, name, rank FROM market_info WHERE run = $1 ORDER BY symbol", run)
    assert list(map(tuple, infos)) == [("BTC-USD", "Bitcoin", 1), ("ETH-USD", "Ethereum", 2)]


def status(url: str, run: str) -> str:
    """How the store has the run."""
    found = query(url, "SELECT status FROM runs WHERE run_id = $1", run)
    return str(found[0][0]) if found else ""
