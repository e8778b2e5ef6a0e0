"""Execution quality when rows are bad: they are kept with their reasons, the others count, and the ledger balances."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.simulator import orderflow
from shared.settings import Kafka
from tests.fixtures import desk, execution
from tests.fixtures.desk import get, ingest, summaries
from tests.system.services import Services
from tests.system.store import query

FAULTS = {
    "trades": {
        "T-1,O-0000001,AAPL,hold,100,190.00,2026-01-05T15:00:00Z,XNAS": "bad_side",
        "T-2,O-0000001,AAPL,buy,-100,190.00,2026-01-05T15:00:00Z,XNAS": "bad_size",
        "T-3,O-0000001,AAPL,buy,0,190.00,2026-01-05T15:00:00Z,XNAS": "bad_size",
        "T-4,O-0000001,AAPL,buy,100,abc,2026-01-05T15:00:00Z,XNAS": "bad_price",
        "T-5,O-0000001,AAPL,buy,100,190.00,yesterday,XNAS": "bad_timestamp",
        ",O-0000001,AAPL,buy,100,190.00,2026-01-05T15:00:00Z,XNAS": "missing_field",
        "T-6,O-0000001,AAPL,buy,100": "bad_row",
        f"T-{'7' * 200_000},O-0000001,AAPL,buy,100,190.00,2026-01-05T15:00:00Z,XNAS": "malformed",
        f"T-{'8' * 11_000_000},O-0000001,AAPL,buy,100,190.00,2026-01-05T15:00:00Z,XNAS": "too_large",
    },
    "nbbo": {"AAPL,190.00,none,2026-01-05T15:00:00Z": "bad_price", "!,1,2,2026-01-05T15:00:00Z": "unknown_symbol"},
    "orders": {"O-1,AAPL,buy,ten,190.00,2026-01-05T15:00:00Z,XNAS": "bad_size"},
}


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    with desk.running(
        kafka_settings, database_url, tmp_path, WRITER__BATCH_RECORDS="1000", FETCHER__IN_FLIGHT="1000", FETCHER__MOST_BEHIND="500"
    ) as found:
        yield found


def padded(line: str, reason: str, columns: int) -> str:
    """A row with the columns that correct others, empty; but for the one that is cut short."""
    return line if reason == "bad_row" else line + "," * (columns - 1 - line.count(","))


def test_bad_rows_are_kept_with_file_line_and_reason_and_the_others_count(services: Services, tmp_path: Path, database_url: str) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(31, 60))
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    lines: dict[tuple[str, int], str] = {}
    total = 0
    for name, path in paths.items():
        text = path.read_text()
        first = text.count("\n") + 1
        columns = len(orderflow.HEADERS[name])
        path.write_text(text + "".join(f"{padded(*fault, columns)}\n" for fault in FAULTS[name].items()))
        lines |= {(name, first + n): reason for n, reason in enumerate(FAULTS[name].values())}
        total += first - 2 + len(FAULTS[name])
    said = ingest(services, **paths)
    assert f"received {total}, " in said
    assert f"rejected {len(lines)}" in said
    found = query(database_url, "SELECT source, line, reason FROM dead_letters")
    assert {(row["source"], row["line"]): row["reason"] for row in found} == lines
    assert summaries(services, wanted) == wanted
    again = subprocess.run(
        [sys.executable, "-m", "services.cli", "dlq", "replay", "--wait"],
        env=services.operator(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    kept = [reason for reason in lines.values() if reason != "too_large"]
    replay = query(database_url, "SELECT run_id FROM runs WHERE run_kind = 'replay'")[0][0]
    run = get(services, f"/runs/{replay}")
    assert (run["received"], run["stored"], run["duplicate"], run["rejected"]) == (len(kept), 0, 0, len(kept))
    assert run["rejected_by_reason"] == Counter(kept)
    assert summaries(services, wanted) == wanted
