"""One api process: GET /latest and GET /candles (100 rows) over 32 connections, beside FastAPI sketches on the same Postgres.

Each load asks for 100 symbols in turn; `one symbol` asks for the same one again and again, which the api reads once for all who wait.
Latencies at half load are those of requests that come due at half the rate just measured.
"""

import json
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from bench import candle_store, databases, pressure, topics
from bench.candle_store import NAMES, SINCE
from bench.faults import Fault
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.load import Answered, Connection
from bench.process import Process
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from deploy.local.ports import free_ports, is_taken
from shared.topics import TOPICS

WARM_SECONDS = 1.0
_SINCE = SINCE.strftime("%Y-%m-%dT%H:%M:%SZ")
PATHS = {
    "api /latest": [f"/latest?symbol={name}" for name in NAMES],
    "api /candles": [f"/candles?symbol={name}&from={_SINCE}&limit=100" for name in NAMES],
    "fastapi /latest": [f"/latest/{name}" for name in NAMES],
    "fastapi /candles": [f"/candles/{name}" for name in NAMES],
    "json in postgres /candles": [f"/json/{name}" for name in NAMES],
    "response_model /latest": [f"/model/latest/{name}" for name in NAMES],
    "response_model /candles": [f"/model/candles/{name}" for name in NAMES],
}
PATHS |= {f"{name}, one symbol": PATHS[name][:1] for name in ("api /latest", "api /candles")}
_CANDLE = ("open", "high", "low", "close", "volume")
_FASTAPI = "FastAPI + asyncpg"
GOALS = (
    Goal(
        "api: GET /latest",
        "api /latest",
        "rate",
        0.956,
        1.76,
        "fastapi /latest",
        beside_title=_FASTAPI,
        unit="/s",
        there=("6.5 k/s", "12 k/s"),
    ),
    Goal(
        "api: GET /candles",
        "api /candles",
        "rate",
        1.21,
        4.14,
        "fastapi /candles",
        beside_title=_FASTAPI,
        unit="/s",
        there=("3.5 k/s", "12 k/s"),
    ),
    Goal("api: GET /latest, p99 at half load", "api /latest", "half_p99_ms", 5, None, unit=" ms", at_least=False),
    Goal("api: GET /candles, p99 at half load", "api /candles", "half_p99_ms", 5, None, unit=" ms", at_least=False),
)


def measure(session: Session) -> list[Sample]:
    """Both servers, round after round, over one store."""
    samples: list[Sample] = []
    topics.renew(session.kafka, TOPICS)  # the api tells of its requests there
    with databases.fresh(session) as url:
        candle_store.fill(url)
        for number in range(1, session.options.rounds + 1):
            samples += _api(session, url, number)
            if session.wants("fastapi"):
                samples += _fastapi(session, url, number)
    return samples


def rows(samples: Sequence[Sample]) -> list[Row]:
    """Goals first, then what every endpoint gave."""
    figures = (("rate", "/s"), ("p99_ms", " ms p99"), ("half_p50_ms", " ms p50 at half load"), ("half_p99_ms", " ms p99 at half load"))
    served = [(name, "32 connections") for name in PATHS]
    memory = notes([("api", "the process"), ("fastapi", "the process")], samples, ("rss_mib", " MiB"))
    return [*(row(goal, samples) for goal in GOALS), *notes(served, samples, *figures), *memory]


def _api(session: Session, url: str, number: int) -> list[Sample]:
    (port,) = free_ports(1)
    service = Service(session, "api", database_url=url, API_PORT=str(port))
    service.ready()
    return _server(session, "api", service.process, port, number)


def _fastapi(session: Session, url: str, number: int) -> list[Sample]:
    (port,) = free_ports(1)
    process = session.start("fastapi", sys.executable, "-m", "bench.peers.web", url, str(port))
    deadline = time.monotonic() + 60
    while not is_taken(port) and process.running and time.monotonic() < deadline:
        time.sleep(0.05)
    return _server(session, "fastapi", process, port, number)


def _server(session: Session, server: str, process: Process, port: int, number: int) -> list[Sample]:
    """Every endpoint of one server, then its memory."""
    samples = []
    for name, paths in PATHS.items():
        if name.startswith("api ") == (server == "api"):
            samples.append(sample(session, name, number, partial(_endpoint, session, port, name, paths)))
    return [*samples, Sample(server, number, {"rss_mib": process.stop().rss_mib})]


def _endpoint(session: Session, port: int, name: str, paths: list[str]) -> dict[str, float]:
    seconds = session.options.seconds
    _check(port, name, paths)
    pressure.full(session, port, paths, WARM_SECONDS)
    found = _right(pressure.full(session, port, paths, seconds))
    figures = {"rate": found.rate, "p50_ms": found.p50_ms, "p99_ms": found.p99_ms}
    if name in ("api /latest", "api /candles"):
        half = _right(pressure.steady(session, port, paths, seconds, found.rate / 2))
        figures |= {"half_rate": half.rate, "half_p50_ms": half.p50_ms, "half_p99_ms": half.p99_ms}
    return figures


def _right(found: Answered) -> Answered:
    if found.errors:
        raise Fault(f"{found.errors} of {found.requests} requests were not answered with 200")
    return found


def _check(port: int, name: str, paths: list[str]) -> None:
    """The answers for some symbols, value by value."""
    wanted = _latest if name.endswith("/latest") or "/latest," in name else _candles
    connection = Connection(port)
    for number in range(0, len(paths), 33):
        status, body = connection.get(paths[number])
        if status != 200:
            raise Fault(f"{paths[number]} was answered with {status}")
        found = json.loads(body, parse_float=Decimal)
        rows = found["results"] if isinstance(found, dict) and "results" in found else [found] if isinstance(found, dict) else found
        if not wanted(number, rows):
            raise Fault(f"{paths[number]} is wrong: {body[:300]!r}")


def _latest(number: int, rows: Sequence[dict[str, Any]]) -> bool:
    close = candle_store.prices(number, candle_store.MINUTES - 1)[3]
    return len(rows) == 1 and rows[0]["symbol"] == NAMES[number] and Decimal(rows[0].get("price") or rows[0]["close"]) == close


def _candles(number: int, rows: Sequence[dict[str, Any]]) -> bool:
    first = candle_store.MINUTES - candle_store.ROWS
    ordered = sorted(rows, key=lambda found: str(found["start"]))
    wanted = [(*candle_store.prices(number, minute), candle_store.volume(minute)) for minute in range(first, candle_store.MINUTES)]
    return [tuple(Decimal(found[name]) for name in _CANDLE) for found in ordered] == wanted
