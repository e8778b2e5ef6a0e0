"""A stack under load of every kind, with a fault of every harmless kind, for tests of what it says about itself."""

import json
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from deploy.grafana.boards import BOARDS
from deploy.grafana.model import Query, Sql
from deploy.prometheus.alerts import ALERTS
from shared.telemetry.exposed import Samples, read
from shared.time import to_iso
from tests.architecture.sources import ROOT
from tests.system.services import Services
from tests.system.store import until

SERVICES = ("transformer", "quality", "writer", "archiver", "fetcher", "api")
FAULTS = {
    "seed": 5,
    "faults": [
        {"kind": "malformed", "venue": "coinbase", "probability": 0.05},
        {"kind": "disconnect", "venue": "coinbase", "after": 4, "how": "abort", "times": 1},
        {"kind": "disorder", "venue": "coinbase", "probability": 0.05, "delay_ms": 3000},
        {"kind": "status", "venue": "coingecko", "by": "requests", "after": 2, "every": 5, "count": 1, "status": 503},
    ],
}
OWN = re.compile(r"\b(?:tickplant|kafka|process|python)_[a-z_]+\b")


def archived(services: Services, environment: dict[str, str], bucket: str) -> None:
    """Where the archive goes; an object every two seconds."""
    named = {
        "S3__ENDPOINT_URL": environment["AWS_ENDPOINT_URL_S3"],
        "S3__ACCESS_KEY_ID": environment["AWS_ACCESS_KEY_ID"],
        "S3__SECRET_ACCESS_KEY": environment["AWS_SECRET_ACCESS_KEY"],
        "S3__REGION": environment["AWS_REGION"],
    }
    services.configure(**named, S3__BUCKET=bucket, S3__OBJECT_SECONDS="2")


def begin(services: Services, folder: Path, *, report: bool = True) -> str:
    """Starts everything; returns the simulator's address."""
    services.configure(SIMULATOR__RATE="20", SIMULATOR__SYMBOLS="BTC-USD,ETH-USD", TELEMETRY__REPORT_REQUESTS=str(report).lower())
    services.configure(WRITER__AUDIT_SECONDS="1", WRITER__OUTPUT_FOLDER=str(folder / "output"))
    services.start("simulator")
    services.wait_ready("simulator")
    simulator = f"http://127.0.0.1:{services.ports['simulator']}"
    sources: list[dict[str, Any]] = [
        {
            "name": "coinbase-sim",
            "provider": "coinbase",
            "channels": ["matches"],
            "base_url": f"{simulator.replace('http', 'ws')}/coinbase",
        },
        {"name": "coingecko-sim", "provider": "coingecko", "interval_seconds": 4, "base_url": f"{simulator}/coingecko"},
    ]
    services.configure(FETCHER__SOURCES=json.dumps([{**source, "symbols": ["BTC-USD", "ETH-USD"]} for source in sources]))
    asked = [{"name": "coincap-sim", "provider": "coincap", "per_minute": 600, "base_url": f"{simulator}/coincap/v2"}]
    services.configure(SNAPSHOTS__SOURCES=json.dumps(asked), SNAPSHOTS__INTERVAL_SECONDS="3")
    services.configure(QUALITY__FROZEN_SECONDS="4", QUALITY__DIVERGENCE_SECONDS="2")
    for name in SERVICES:
        services.start(name)
    for name in SERVICES:
        services.wait_ready(name, 60)
    return simulator


def ingest(services: Services, folder: Path) -> None:
    """The sample orders; asked again, as one run, where the machine is too busy."""
    names = {}
    for kind in ("orders", "trades", "nbbo"):
        names[f"{kind}_url"] = str(folder / f"{kind}.csv")
        shutil.copy(ROOT / "data" / f"{kind}_sample.csv", folder / f"{kind}.csv")
    key = {"Idempotency-Key": folder.name}
    until(lambda: httpx.post(f"{api(services)}/ingest", json=names, headers=key, timeout=40).is_success, True, 120, services.logs)


def push(services: Services, count: int, *, errors: int = 0, untimed: int = 0, tag: str = "e") -> None:
    """Operational events of the service `checkout`, now."""
    now = to_iso(time.time_ns() // 1000)
    made = [
        {
            "event_id": f"{tag}-{number}-{now}",
            "timestamp": now,
            "service": "checkout",
            "event_type": "request",
            "status_code": 500 if number < errors else 200,
            "latency_ms": None if number < untimed else 12,
        }
        for number in range(count)
    ]
    httpx.post(f"{api(services)}/events", json=made, timeout=20).raise_for_status()


def ask(services: Services, *, harmless: bool = False) -> None:
    """A few requests that are answered, and one that is refused unless all are to be `harmless`."""
    for path in ("/latest", "/candles?symbol=BTC-USD", "/ticks?symbol=BTC-USD", *(() if harmless else ("/ticks?symbol=%00",))):
        httpx.get(f"{api(services)}{path}", timeout=20)


def api(services: Services) -> str:
    return f"http://127.0.0.1:{services.api_port}"


def samples(services: Services, names: Sequence[str] = SERVICES) -> Samples:
    """What the services expose, by the name of the sample."""
    return read(httpx.get(f"http://127.0.0.1:{services.ports[name]}/metrics", timeout=10).text for name in names)


def asked() -> set[str]:
    """Every metric of the platform that a panel or a rule names."""
    expressions = [query.expr for _, query in queries(Query)] + [alert.expression for alert in ALERTS]
    return {name for expression in expressions for name in OWN.findall(expression)}


def queries(kind: type[Any]) -> list[tuple[str, Any]]:
    """The queries of one kind with where they are."""
    return [
        (f"{board.title}: {panel.title}", query)
        for board in BOARDS
        for panel in board.panels
        for query in panel.queries
        if isinstance(query, kind)
    ]


def filled(query: Sql) -> str:
    """The statement as Grafana would send it: all time, one source, one symbol, every service."""
    text = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN '2020-01-01' AND now()", query.text)
    text = text.replace("$__timeFrom()", "'2020-01-01T00:00:00Z'").replace("$__timeTo()", "'2100-01-01T00:00:00Z'")
    text = text.replace("IN ($service)", "IN (SELECT service FROM minutes)")
    return text.replace("$source", "coinbase-sim").replace("$symbol", "BTC-USD")
