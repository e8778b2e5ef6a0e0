"""What the api tells of executions, against the same computed from the files; and facts pushed one by one."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.simulator import orderflow
from shared.settings import Kafka
from tests.fixtures import desk, execution
from tests.fixtures.desk import get, ingest, pages, summaries
from tests.fixtures.execution import quotient
from tests.system.services import Services
from tests.system.store import query, until

HORIZONS = {"1s": 1, "15s": 15, "1m": 60, "5m": 300}
GROUPS = {"symbol": "symbol", "venue": "destination", "side": "side"}


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    with desk.running(kafka_settings, database_url, tmp_path) as found:
        yield found


class Day:
    """A day's files read with the standard library: the executions that count, the orders that hold, and the quote at any time."""

    def __init__(self, paths: dict[str, Path]) -> None:
        self.fills = execution.priced([paths["trades"]], [paths["nbbo"]])
        self.orders = {
            row["order_id"]: row for row in execution.holding(execution.read([paths["orders"]]), "order_id", "timestamp").to_dicts()
        }
        self.quotes: dict[str, list[tuple[datetime, Decimal, Decimal]]] = defaultdict(list)
        with paths["nbbo"].open(newline="") as file:
            for row in csv.DictReader(file):
                self.quotes[row["symbol"]].append((moment(row["timestamp"]), Decimal(row["bid"]), Decimal(row["ask"])))
        for held in self.quotes.values():
            held.sort()

    def mid2(self, symbol: str, at: datetime) -> Decimal | None:
        """Twice the mid at a time, if a quote at or after it proves it."""
        held = self.quotes[symbol]
        if not held or held[-1][0] < at:
            return None
        before = [quote for quote in held if quote[0] <= at]
        return before[-1][1] + before[-1][2] if before else None

    def report(self, name: str) -> dict[str, dict[str, Any]]:
        """The report grouped by a column of the file."""
        groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for fill in self.fills:
            groups[fill[name]].append(fill)
        return {group: self.figures(fills) for group, fills in groups.items()}

    def figures(self, fills: list[dict[str, Any]]) -> dict[str, Any]:
        total: dict[str, Decimal] = defaultdict(Decimal)
        for fill in fills:
            p, q, d = Decimal(fill["exec_price"]), Decimal(fill["exec_quantity"]), 1 if fill["side"] == "buy" else -1
            order, at = self.orders[fill["order_id"]], moment(fill["exec_timestamp"])
            total["shares"] += q
            total["notional"] += p * q
            total["waited"] += Decimal((at - moment(order["timestamp"])) // timedelta(microseconds=1)) / 1_000_000 * q
            if order["limit_price"]:
                total["slipped"] += abs(p - Decimal(order["limit_price"])) * q
                total["limited"] += q
            if fill["bid"] is None:
                continue
            b, a = Decimal(fill["bid"]), Decimal(fill["ask"])
            better = a - p if d == 1 else p - b
            total["priced"] += q
            total["improved" if better > 0 else "at" if better == 0 else "outside"] += q
            total["dollars"] += max(Decimal(0), better) * q
            total["spread"] += (a - b) * q
            total["effective"] += d * (2 * p - a - b) * q
            for horizon, seconds in HORIZONS.items():
                if (mid2 := self.mid2(fill["symbol"], at + timedelta(seconds=seconds))) is not None:
                    total[horizon] += d * (2 * p - mid2) * q
                    total[f"{horizon} shares"] += q
        return {
            "fills": len(fills),
            "shares": total["shares"],
            "notional": total["notional"],
            "vwap": quotient(total["notional"], total["shares"]),
            "priced_shares": total["priced"],
            "shares_improved": total["improved"],
            "shares_at_quote": total["at"],
            "shares_outside": total["outside"],
            "at_or_better_percent": quotient(100 * (total["improved"] + total["at"]), total["priced"]),
            "total_pi_dollars": total["dollars"],
            "pi_per_share": quotient(total["dollars"], total["priced"]),
            "slippage": quotient(total["slipped"], total["limited"]),
            "quoted_spread": quotient(total["spread"], total["priced"]),
            "effective_spread": quotient(total["effective"], total["priced"]),
            "effective_over_quoted": quotient(total["effective"], total["spread"]),
            "realized_spread": {horizon: quotient(total[horizon], total[f"{horizon} shares"]) for horizon in HORIZONS},
            "seconds_to_execution": quotient(total["waited"], total["shares"]),
        }


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_every_figure_of_the_report_is_what_the_files_give(services: Services, tmp_path: Path) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(21, 250))
    ingest(services, **paths)
    day = Day(paths)
    for group, column in GROUPS.items():
        found = {row.pop("group"): row for row in get(services, f"/execution-quality?group_by={group}")["results"]}
        assert found == day.report(column)
    (whole,) = get(services, "/execution-quality?group_by=day")["results"]
    assert whole == {"group": "2026-01-05", **day.figures(day.fills)}
    fills = pages(services, "/fills?limit=37")
    assert [row["trade_id"] for row in fills] == sorted(
        [row["trade_id"] for row in fills], key=lambda name: by_id(fills)[name]["timestamp"]
    )
    assert {row["trade_id"] for row in fills if not row["void"]} == {fill["trade_id"] for fill in day.fills}
    some = fills[len(fills) // 2]
    assert some in pages(services, f"/orders/{some['order_id']}/fills?limit=1")
    assert {row["symbol"] for row in pages(services, "/fills?symbol=aapl&side=buy")} == {"AAPL"}
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    for sort, key in (("-total_pi_dollars", "total_pi_dollars"), ("total_pi_dollars", "total_pi_dollars"), ("-order_id", "order_id")):
        orders = pages(services, f"/orders?sort={sort}&limit=17")
        assert [row["order_id"] for row in orders] == sorted(wanted, key=lambda name: (wanted[name][key], name), reverse=sort[0] == "-")
    assert all({name: row[name] for name in wanted[row["order_id"]]} == wanted[row["order_id"]] for row in orders)


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["trade_id"]: row for row in rows}


def test_facts_pushed_one_by_one_in_any_order_come_to_the_same_as_a_file(services: Services, tmp_path: Path, database_url: str) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(22, 25))
    facts = []
    for name, where in (("orders", "orders"), ("trades", "trades"), ("nbbo", "quotes")):
        with paths[name].open(newline="") as file:
            facts += [(where, {key: value for key, value in row.items() if value}) for row in csv.DictReader(file)]
    random.Random(5).shuffle(facts)
    with httpx.Client(base_url=f"http://127.0.0.1:{services.api_port}", timeout=20) as client:
        for where, fact in facts + facts[:10]:
            response = client.post(f"/{where}", json=fact)
            assert response.status_code == 202, response.text
    counted = "SELECT sum(stored + duplicate)::int FROM ledger WHERE source IN ('orders', 'trades', 'nbbo')"
    until(lambda: query(database_url, counted)[0][0], len(facts) + 10)
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    assert summaries(services, wanted) == wanted
    refused = httpx.post(f"http://127.0.0.1:{services.api_port}/trades", json={"trade_id": "T"})
    assert (refused.status_code, "trades 0: the row has no " in refused.json()["detail"]) == (422, True)


def test_shuffled_rows_come_to_the_same_as_sorted_ones(services: Services, tmp_path: Path) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(23, 150))
    shuffled = {}
    for name, path in paths.items():
        header, *rows = path.read_text().splitlines()
        random.Random(9).shuffle(rows)
        shuffled[name] = tmp_path / f"{name}_shuffled.csv"
        shuffled[name].write_text("\n".join([header, *rows]))
    ingest(services, **shuffled)
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    assert summaries(services, wanted) == wanted
