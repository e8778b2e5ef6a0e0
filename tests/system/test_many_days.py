"""Files and pushes of thousands of days on a running platform: stored in seconds while other sources' ticks are, read, proved, kept up.

It takes some minutes: TICKPLANT_TEST_DAYS=10000. TICKPLANT_TEST_DAY_SECONDS allows a run more than 30 s, where the machine is slow.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local import postgres as embedded
from shared import runs
from shared.events import Run
from shared.settings import Kafka
from tests.fixtures.runs import ask, prices, requested
from tests.fixtures.servers import Server
from tests.system.services import Services
from tests.system.store import query, until

DAYS = int(os.environ.get("TICKPLANT_TEST_DAYS", "0"))
SECONDS = float(os.environ.get("TICKPLANT_TEST_DAY_SECONDS", "30"))
BOOK = DAYS * 3 // 10  # days of orders
ENDED = "SELECT status FROM runs WHERE run_id = $1 AND status IN ('finished', 'failed')"
STAGES = ("fetcher", "transformer", "writer", "archiver", "api")
pytestmark = [pytest.mark.skipif(not DAYS, reason="TICKPLANT_TEST_DAYS=10000"), pytest.mark.timeout(1800)]


def log(said: str) -> None:
    """For who runs it with -s."""
    sys.stderr.write(said + "\n")


def day(number: int) -> date:
    return date(1990, 1, 1) + timedelta(days=number)


def write_prices(path: Path) -> Path:
    path.write_text("date,price\n" + "".join(f"{day(n)},{100 + n}\n" for n in range(DAYS)))
    return path


def write_book(folder: Path, days: int) -> runs.OrdersRequest:
    """An order, a quote and the fill that meets it of each day."""
    rows = {
        "orders": [f"O{n},KO,buy,100,62,{day(n)}T14:30:00Z,XNAS" for n in range(days)],
        "trades": [f"T{n},O{n},KO,buy,100,61,{day(n)}T14:30:02Z,XNAS" for n in range(days)],
        "nbbo": [f"KO,60,62,{day(n)}T14:30:01Z" for n in range(days)],
    }
    headers = {
        "orders": "order_id,symbol,side,quantity,limit_price,timestamp,destination",
        "trades": "trade_id,order_id,symbol,side,exec_quantity,exec_price,exec_timestamp,destination",
        "nbbo": "symbol,bid,ask,timestamp",
    }
    for name, header in headers.items():
        (folder / f"{name}.csv").write_text("\n".join([header, *rows[name], ""]))
    return runs.OrdersRequest(str(folder / "orders.csv"), str(folder / "trades.csv"), str(folder / "nbbo.csv"))


class Pulse(threading.Thread):
    """Pushes a tick of another source again and again, and waits until it can be read."""

    def __init__(self, base: str) -> None:
        super().__init__(daemon=True)
        self._base, self.stop = base, threading.Event()
        self.latencies, self.faults = [0.0], list[str]()
        self._http = httpx.Client(timeout=30)

    def run(self) -> None:
        while not self.stop.wait(0.2):
            began = time.monotonic()
            at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            tick = {"source": "push-pulse", "symbol": "PULSE-USD", "time": at, "price": 1, "size": 1}
            if (answer := self._http.post(f"{self._base}/ticks", json=tick)).status_code != 202:
                self.faults.append(answer.text)
            while not self.stop.is_set() and self._newest() < at:
                time.sleep(0.05)
            self.latencies.append(time.monotonic() - began)

    def _newest(self) -> str:
        answer = self._http.get(f"{self._base}/latest", params={"symbol": "PULSE-USD"})
        if answer.status_code != 200:
            self.faults.append(answer.text)
            return ""
        return max((row["event_time"] for row in answer.json()["results"]), default="")


@pytest.fixture
def platform(services: Services, s3: Server, s3_bucket: str) -> Services:
    """All services, ready; objects are stored every few seconds."""
    services.configure(**{**s3.environment, "S3__BUCKET": s3_bucket}, S3__OBJECT_SECONDS="3", WRITER__RETENTION_DAYS="30")
    for name in STAGES:
        services.start(name)
    for name in STAGES:
        services.wait_ready(name, 60)
    return services


@contextmanager
def pulse(services: Services) -> Iterator[Pulse]:
    """Another source meanwhile: each of its ticks is read within the time."""
    beating = Pulse(f"http://127.0.0.1:{services.api_port}")
    beating.start()
    try:
        yield beating
    finally:
        beating.stop.set()
        beating.join()
    log(f"{len(beating.latencies) - 1} ticks of another source, the slowest readable in {max(beating.latencies):.2f} s")
    assert beating.faults == []
    assert max(beating.latencies) < SECONDS


def took(what: str, work: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What the work returns, in time."""
    began = time.monotonic()
    result = work()
    elapsed = time.monotonic() - began
    log(f"{what}: {elapsed:.2f} s")
    assert elapsed < seconds, what
    return result


def pages(services: Services, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """All results of all pages."""
    url, rows = f"http://127.0.0.1:{services.api_port}{path}", []
    with httpx.Client(timeout=30) as client:
        answer = client.get(url, params=parameters)
        while True:
            assert answer.status_code == 200, answer.text
            rows += answer.json()["results"]
            if (following := answer.json().get("next_url")) is None:
                return rows
            answer = client.get(httpx.URL(url).join(following))


def command(services: Services, *arguments: str) -> str:
    """What `tickplant …` prints."""
    run = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments], env=services.operator(), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def sums(url: str, run_id: str) -> tuple[int, int, int]:
    """Stored, duplicate and rejected of a run."""
    found = query(url, "SELECT sum(stored)::int, sum(duplicate)::int, sum(rejected)::int FROM ledger WHERE run = $1", run_id)[0]
    return found[0], found[1], found[2]


def test_files_of_thousands_of_days(platform: Services, kafka_settings: Kafka, database_url: str, tmp_path: Path) -> None:
    closes, book = write_prices(tmp_path / "closes.csv"), write_book(tmp_path, BOOK)

    def ingested(run: Run) -> None:
        asyncio.run(ask(kafka_settings, run))
        until(lambda: [row[0] for row in query(database_url, ENDED, run.run_id)], ["finished"], SECONDS * 4, platform.logs)

    with pulse(platform):
        for number in (1, 2):
            of_closes = prices(closes, number=number, source="csv", columns={"time": "date"})
            of_book = requested("orders", book, source="orders", number=number)
            for run, rows in ((of_closes, DAYS), (of_book, 3 * BOOK)):
                took(f"{run.run_kind} {number}", partial(ingested, run))
                assert sums(database_url, run.run_id) == ((rows, 0, 0) if number == 1 else (0, rows, 0))
            read(platform)
        until(lambda: query(database_url, "SELECT count(*) FROM outbox")[0][0], 0, 60, platform.logs)
    kept_up(platform, database_url, tmp_path)


def read(services: Services) -> None:
    """Everything is answered."""
    asked: list[tuple[str, dict[str, str], int | None]] = [
        ("/ticks", {"symbol": "BTC-USDT", "limit": "5000"}, DAYS),
        ("/candles", {"symbol": "BTC-USDT", "kind": "index", "interval": "1d", "limit": "5000"}, DAYS),
        ("/fills", {"limit": "5000"}, BOOK),
        ("/orders", {"limit": "5000"}, BOOK),
        ("/execution-quality", {"group_by": "day"}, BOOK),
        *((path, {}, None) for path in ("/latest", "/sources", "/symbols", "/runs", "/ledger")),
        ("/throughput", {"from": "1990-01-01", "to": "1990-01-31"}, None),
    ]
    for path, parameters, rows in asked:
        found = took(path, partial(pages, services, path, **parameters))
        assert rows in (None, len(found)), path


def kept_up(services: Services, url: str, folder: Path) -> None:
    """A backup, the proofs and retention."""
    programs = embedded._programs()
    dump = [str(programs / "pg_dump"), "--format=custom", f"--file={folder / 'backup'}", url]
    took("backup", lambda: subprocess.run(dump, check=True))
    time.sleep(10)
    assert "\nbalanced: " in "\n" + took("verify", lambda: command(services, "verify"))
    assert "\nbalanced: " in "\n" + took("verify --all", lambda: command(services, "verify", "--all"), 120)
    for table in ("tick_days", "quote_days"):
        query(url, f"UPDATE {table} SET loaded_at = now() - interval '40 days' WHERE day < '2020-01-01'")
    said = took("maintain", lambda: command(services, "maintain"))
    assert f"{DAYS + BOOK} days of ticks and quotes dropped, {DAYS + BOOK} rows" in said
    assert "\nbalanced: " in "\n" + took("verify again", lambda: command(services, "verify"))


def test_pushes_of_thousands_of_days(platform: Services, database_url: str) -> None:
    base = f"http://127.0.0.1:{platform.api_port}"
    ticks: list[dict[str, object]] = [
        {"source": "push-days", "symbol": f"S{n % 50}-USD", "time": f"{day(n)}T10:00:00Z", "price": 100 + n, "size": 1, "id": str(n)}
        for n in range(DAYS)
    ]
    quotes: list[dict[str, object]] = [
        {"symbol": f"Q{n % 7}", "bid": 10, "ask": 11, "timestamp": f"{day(n)}T10:00:00Z"} for n in range(DAYS)
    ]
    counted = "SELECT sum(stored + duplicate)::int FROM ledger WHERE source = $1"

    def pushed(path: str, source: str, given: list[dict[str, object]], number: int) -> None:
        for first in range(0, DAYS, 1000):
            answer = httpx.post(base + path, json=given[first : first + 1000], timeout=30)
            assert answer.status_code == 202, answer.text
        until(lambda: query(database_url, counted, source)[0][0], number * DAYS, SECONDS * 4, platform.logs)

    with pulse(platform):
        for number in (1, 2):
            took(f"ticks pushed {number}", partial(pushed, "/ticks", "push-days", ticks, number))
            took(f"quotes pushed {number}", partial(pushed, "/quotes", "nbbo", quotes, number))
