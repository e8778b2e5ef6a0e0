"""A run of orders, executions and quotes while every service it passes is killed: the result of an independent computation, once.

The full size is 1,000,000 executions, 500,000 orders and 2,000,000 quotes: TICKPLANT_TEST_ORDER_TRADES=1180000
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.simulator import orderflow
from shared.settings import Kafka
from tests.fixtures import desk, execution
from tests.fixtures.desk import get
from tests.system.services import Services
from tests.system.store import query, until

TRADES = int(os.environ.get("TICKPLANT_TEST_ORDER_TRADES", "15000"))
ORDERS = TRADES * 100 // 236  # so many executions come of an order
ROWS = TRADES * 3.16  # of all three files
SECONDS = 90 + ROWS / 5_000
SAMPLE = 200
# Services killed at once, each time at the next share of the rows.
KILLS = (("writer",), ("transformer",), ("fetcher",), ("fetcher", "transformer", "writer"))
_ORDERS = "SELECT order_id, quantity, filled_qty, notional, total_pi_dollars FROM orders"


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    """A small day is cut into small batches, so that every kill meets work that is not done."""
    batch, ahead = min(20_000, max(500, int(ROWS) // 15)), min(100_000, max(500, int(ROWS) // 25))
    environment = {"WRITER__BATCH_RECORDS": batch, "FETCHER__IN_FLIGHT": min(20_000, ahead), "FETCHER__MOST_BEHIND": ahead}
    with desk.running(kafka_settings, database_url, tmp_path, **{name: str(value) for name, value in environment.items()}) as found:
        yield found


@pytest.mark.timeout(SECONDS * 2)
def test_killed_services_leave_the_summaries_and_the_ledger_as_if_nothing_had_been(
    services: Services, tmp_path: Path, database_url: str
) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(32, ORDERS))
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    rows = sum(path.read_bytes().count(b"\n") - 1 for path in paths.values())
    run_id = begin(services, paths)
    seen: set[Any] = set()
    for number, names in enumerate(KILLS, 1):
        seen |= reach(database_url, services, run_id, rows * number // (len(KILLS) + 2))
        for name in names:
            services.kill(name)
        assert state(database_url, run_id) == "running", "nothing was left to do at the kill"
        for name in names:
            services.start(name)
    until(lambda: state(database_url, run_id), "finished", SECONDS, services.logs)
    assert len(seen) > 2, "progress did not move"
    run = get(services, f"/runs/{run_id}")
    assert run["received"] == run["stored"] + run["duplicate"] + run["rejected"]
    assert (run["sent"], run["rejected"]) == (rows, 0)
    assert run["received"] >= rows  # a fetcher that takes the run up again sends what came after the last progress once more
    stored = query(database_url, _ORDERS)
    assert {row[0]: summary(*row) for row in stored} == wanted
    sample = list(wanted)[:: max(len(wanted) // SAMPLE, 1)]
    assert desk.summaries(services, sample) == {name: wanted[name] for name in sample}


def begin(services: Services, paths: dict[str, Path]) -> str:
    """Asks for the run; returns its id."""
    options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
    command = [sys.executable, "-m", "services.cli", "ingest", "orders", *options]
    return subprocess.run(command, env=services.operator(), capture_output=True, text=True, check=True).stdout.split()[-1]


def state(database_url: str, run_id: str) -> Any:
    found = query(database_url, "SELECT status FROM runs WHERE run_id = $1", run_id)
    return found[0][0] if found else None


def reach(database_url: str, services: Services, run_id: str, count: int) -> set[Any]:
    """Until so many rows are stored; returns the progress that the api showed meanwhile."""
    deadline = time.monotonic() + SECONDS
    seen: set[Any] = set()
    while (done := query(database_url, "SELECT coalesce(sum(stored), 0)::bigint FROM ledger WHERE run = $1", run_id)[0][0]) < count:
        assert time.monotonic() < deadline, f"{done} of {count} rows\n{services.logs()}"
        seen.update(run["sent"] for run in get(services, "/runs")["results"])
        time.sleep(0.05)
    return seen


def summary(order_id: str, quantity: Decimal, filled: Decimal, notional: Decimal, dollars: Decimal) -> dict[str, Any]:
    """A stored order as `execution.summaries` gives it."""
    return {
        "order_id": order_id,
        "total_order_qty": quantity,
        "filled_qty": filled,
        "vwap": execution.quotient(notional, filled),
        "total_pi_dollars": dollars,
        "fill_rate": execution.quotient(filled, quantity),
    }
