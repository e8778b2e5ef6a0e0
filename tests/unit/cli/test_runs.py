"""What the command says about runs."""

from __future__ import annotations

from typing import Any

from services.cli import runs, table
from services.cli.progress import describe

RUN: dict[str, Any] = {
    "run_id": "prices-1",
    "status": "running",
    "sent": 1_200_000,
    "bytes_read": 50,
    "bytes_total": 200,
    "message": "",
    "received": 800_000,
    "stored": 799_990,
    "duplicate": 7,
    "rejected": 3,
    "rejected_by_reason": {"bad_row": 1, "bad_price": 2},
}


def test_the_ledger_is_one_line_with_reasons() -> None:
    assert runs.summary(RUN) == "prices-1: received 800000, stored 799990, duplicate 7, rejected 3 (bad_price 2, bad_row 1)"
    assert runs.summary(RUN | {"rejected": 0, "rejected_by_reason": {}}).endswith("duplicate 7, rejected 0")


def test_progress_says_how_far_and_why_it_waits() -> None:
    assert describe(RUN) == "running, 1,200,000 rows sent, 800,000 received, 25 % read"
    assert describe(RUN | {"bytes_total": 0, "message": "waiting: x"}) == "running, 1,200,000 rows sent, 800,000 received: waiting: x"


def test_a_table_s_lines_are_whole_and_aligned() -> None:
    assert list(table.lines(("a", "long name"), ("1\n2", "x"))) == ["a     long name", "1\\n2  x"]
