"""Orders, executions and quotes from files to priced fills: all four services, beside a pandas script and polars in memory.

The clock runs from the moment the fetcher takes the run (its own log line) to the commit of its end, when every fill is priced; the
outbox and the files of the run come after it and are timed too. All have the same files; the summaries of the three are held together.
"""

import asyncio
import csv
import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from bench import contestants, databases, topics, venvs
from bench.databases import fetch
from bench.faults import Fault
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from bench.watch import Watch
from deploy.local.ports import free_ports
from deploy.simulator import orderflow
from shared.topics import TOPICS

SERVICES = ("fetcher", "transformer", "writer", "api")
PARTS = (*SERVICES, "kafka", "postgres")
PEERS = (
    ("pandas", "pandas in chunks, `merge_asof`; nothing kept, floats"),
    ("polars", "polars in memory, `join_asof`; nothing kept, floats"),
)
NAME = "execution"
GOALS = (
    Goal("execution: rows of files to priced fills", NAME, "rate", 40_000, None, unit="/s"),
    Goal("execution: the same beside pandas", NAME, "rate", None, None, "pandas", beside_title="pandas in chunks", unit="/s"),
    *(Goal(f"execution: {name}, peak memory", NAME, f"{name}_mib", 300, None, unit=" MiB", at_least=False) for name in SERVICES),
    *(
        Goal(f"execution: {name}, memory of the last quarter over that at 25 %", NAME, f"{name}_growth", 1.15, None, at_least=False)
        for name in SERVICES
    ),
)
SEED = 3
LOOK_SECONDS = 0.25
_STATUS = "SELECT status FROM runs WHERE run_id = $1"
_DONE = "SELECT coalesce(sum(stored + duplicate + rejected), 0)::bigint FROM ledger WHERE run = $1"
_REST = "SELECT NOT EXISTS (SELECT FROM outbox) AND EXISTS (SELECT FROM outputs WHERE written_at IS NOT NULL)"
_LEDGER = "SELECT sum(stored), sum(duplicate), sum(rejected) FROM ledger WHERE run = $1"
_SUMMARIES = "SELECT order_id, quantity, filled_qty, notional, total_pi_dollars FROM orders ORDER BY order_id"


def measure(session: Session) -> list[Sample]:
    """Every contestant, round after round."""
    folder = session.folder("orderflow")
    session.say(f"writing a day of {session.options.orders:,} orders")
    paths = orderflow.write(folder, orderflow.generate(SEED, session.options.orders))
    count = sum(_lines(path) for path in paths.values())
    session.say(f"{count:,} rows")
    samples = []
    for number in range(1, session.options.rounds + 1):
        for name, _ in PEERS:
            if session.wants(name):
                samples.append(sample(session, name, number, lambda name=name: _peer(session, name, paths, count)))  # type: ignore[misc]
        samples.append(sample(session, NAME, number, lambda: _platform(session, paths, count)))
    return samples


def rows(samples: Sequence[Sample]) -> list[Row]:
    """The goals, and what every contestant used."""
    used = [(f"{name}_cpu_us", f" us {name}") for name in PARTS]
    figures = (("rate", "/s"), ("cpu_s_per_million", " CPU-s/M"), ("rss_mib", " MiB"), ("rest_s", " s for outbox and files"), *used)
    return [
        *(row(goal, samples) for goal in GOALS),
        *notes([(NAME, "exactly once, priced in either order; CPU a row"), *PEERS], samples, *figures),
    ]


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file) - 1


def _peer(session: Session, name: str, paths: dict[str, Path], count: int) -> dict[str, float]:
    out = paths["orders"].with_name(f"{name}.csv")
    files = [str(paths[kind]) for kind in ("orders", "trades", "nbbo")]
    process = session.start(name, venvs.python("frames", session.cache), "-m", f"bench.peers.quality_{name}", *files, str(out))
    used = process.wait(session.options.limit)
    said = contestants.told(process.output)
    if said.count != count:
        raise Fault(f"{said.count} of {count} rows")
    return contestants.figures(count, said, used)


def _platform(session: Session, paths: dict[str, Path], count: int) -> dict[str, float]:
    """One run into new topics and a new database, checked."""
    topics.renew(session.kafka, TOPICS)
    (port,) = free_ports(1)
    folder = paths["orders"].parent
    given: dict[str, Any] = {
        "API_PORT": str(port),
        "API__INGEST_WAIT_SECONDS": "0",
        "FETCHER__ALLOWED_FOLDERS": str(folder),
        "WRITER__OUTPUT_FOLDER": str(session.folder("output")),
        "TELEMETRY__REPORT_REQUESTS": "false",
    }
    services: dict[str, Service] = {}
    with databases.fresh(session) as url:
        try:
            for name in SERVICES:
                services[name] = Service(session, name, database_url=url, **given)
            for name in SERVICES:
                services[name].ready()
            for name in ("transformer", "writer"):
                services[name].said("partitions taken")
            figures = _play(session, services, url, port, paths, count)
        finally:
            for service in services.values():
                service.process.kill()
        for name, _ in PEERS:
            if (out := folder / f"{name}.csv").exists() and (wrong := _differs(url, out)):
                raise Fault(f"{name} has another summary: {wrong}")
    return figures


def _play(session: Session, services: dict[str, Service], url: str, port: int, paths: dict[str, Path], count: int) -> dict[str, float]:
    watch = Watch({**{name: service.process.pid for name, service in services.items()}, **session.servers})
    before = watch.cpu()
    run_id = _post(port, paths)
    last, rest, after = asyncio.run(_until_finished(url, run_id, count, watch, services, session.options.limit))
    used = {name: (cpu - before[name]) for name, cpu in after.items()}
    first = services["fetcher"].said("run taken")
    ledger = tuple(fetch(url, _LEDGER, run_id)[0])
    if sum(ledger) != count or ledger[2]:
        raise Fault(f"of {count} rows {ledger} are stored, duplicate, rejected")
    figures = {"rate": count / (last - first), "seconds": last - first, "rest_s": rest, "rows": count}
    figures["cpu_s_per_million"] = sum(used.values()) * 1e6 / count
    figures |= {f"{name}_cpu_us": cpu * 1e6 / count for name, cpu in used.items()}
    figures |= {f"{name}_mib": watch.most(name) for name in services}
    return figures | {f"{name}_growth": watch.growth(name) for name in services}


def _post(port: int, paths: dict[str, Path]) -> str:
    """POST /ingest; the run."""
    body = json.dumps({f"{name}_url": str(path) for name, path in paths.items()}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/ingest", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        return str(json.load(response)["run_id"])


async def _until_finished(
    url: str, run_id: str, count: int, watch: Watch, services: dict[str, Service], limit: float
) -> tuple[float, float, dict[str, float]]:
    """When the run's end was committed, how long the outbox and the files took beyond it, and the CPU seconds up to it."""
    connection = await asyncpg.connect(url)
    deadline = time.monotonic() + limit
    last, due = 0.0, 0.0
    used: dict[str, float] = {}
    try:
        while True:
            if time.monotonic() > deadline or not all(service.process.running for service in services.values()):
                raise Fault(f"is not done: {[service.process.output[-500:] for service in services.values()]}")
            status = await connection.fetchval(_STATUS, run_id)
            if status == "failed":
                raise Fault("the run has failed")
            if not last and status == "finished":
                last, used = time.time(), watch.cpu()
            if time.monotonic() >= due:
                due = time.monotonic() + LOOK_SECONDS
                watch.look(await connection.fetchval(_DONE, run_id) / count)
            if last and await connection.fetchval(_REST):
                return last, time.time() - last, used
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


def _differs(url: str, out: Path) -> str | None:
    """The first order of which a peer says something else: quantities exactly, dollars to the cent, vwap to the 8th decimal."""
    with out.open(newline="") as file:
        told = {line["order_id"]: line for line in csv.DictReader(file)}
    stored = fetch(url, _SUMMARIES)
    if len(stored) != len(told):
        return f"{len(told)} orders, {len(stored)} are stored"
    for order_id, quantity, filled, notional, pi in stored:
        theirs = told[order_id]
        if any(abs(Decimal(said) - held) > allowed for said, held, allowed in _pairs(theirs, quantity, filled, notional, pi)):
            return f"{order_id}: {theirs}, {quantity} {filled} {notional} {pi} are stored"
    return None


def _pairs(
    theirs: dict[str, str], quantity: Decimal, filled: Decimal, notional: Decimal, pi: Decimal
) -> Iterator[tuple[Any, Decimal, Decimal]]:
    yield theirs["quantity"], quantity, Decimal(0)
    yield theirs["filled"], filled, Decimal(0)
    yield theirs["pi"], pi, Decimal("0.005")
    if filled:
        yield theirs["vwap"], notional / filled, Decimal("5e-9")
