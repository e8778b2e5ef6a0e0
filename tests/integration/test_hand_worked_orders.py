"""The ten orders that docs/execution-quality.md works out by hand, as the api tells them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from shared.settings import Kafka
from tests.architecture.sources import ROOT
from tests.fixtures import desk
from tests.fixtures.desk import get, ingest, pages
from tests.system.services import Services

FLAGS = {"H05": ["crossed"], "H07": ["unpriced"]}


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    with desk.running(kafka_settings, database_url, tmp_path) as found:
        yield found


def tables(page: str) -> Iterator[list[dict[str, str]]]:
    """The page's tables, each a list of rows by column."""
    rows: list[list[str]] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")] if "\\|" not in line else [])
        elif rows:
            header, _, *rest = rows
            yield [dict(zip(header, row, strict=True)) for row in rest if row]
            rows = []


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def number(text: str) -> Decimal | None:
    return None if text == "null" else Decimal(text)


def test_each_order_comes_to_what_the_page_says(services: Services, tmp_path: Path) -> None:
    found = list(tables((ROOT / "docs" / "execution-quality.md").read_text()))
    nbbo, orders, trades, wanted = found[-4:]
    assert len(wanted) == 10
    for name, rows in (("trades", trades), ("nbbo", nbbo), ("orders", orders)):
        ingest(services, **{name: write(tmp_path / f"{name}.csv", rows)})
    totals = {row["order_id"]: Decimal(row["quantity"]) for row in orders}
    for row in wanted:
        told = get(services, f"/orders/{row['order_id']}")
        numbers = {name: number(row[name]) for name in ("filled_qty", "vwap", "total_pi_dollars", "fill_rate")}
        assert told == {"order_id": row["order_id"], "total_order_qty": totals[row["order_id"]], **numbers}
    for order_id, flags in FLAGS.items():
        (fill,) = pages(services, f"/orders/{order_id}/fills")
        assert fill["flags"] == flags
    listed = {row["order_id"]: row["flags"] for row in pages(services, "/orders")}
    assert (listed["H10"], listed["H07"], listed["H01"]) == (["over_filled"], ["unpriced"], [])
