"""Orders, executions and quotes from files to GET /orders/{order_id}, by the services' own processes, against polars."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from deploy.simulator import orderflow
from shared.events import Fill, OrderSummary
from shared.settings import Kafka
from shared.topics import FILLS, SUMMARIES, Topic
from tests.fixtures import desk, execution
from tests.fixtures.desk import ingest, summaries
from tests.system.services import Services
from tests.system.store import published, query, until


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    with desk.running(kafka_settings, database_url, tmp_path, WRITER__BATCH_RECORDS="500") as found:
        yield found


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) - 1


def test_every_order_comes_to_what_an_asof_join_gives_and_a_second_time_changes_nothing(services: Services, tmp_path: Path) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(11, 400))
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    total = sum(map(lines, paths.values()))
    said = ingest(services, **paths)
    assert f"received {total}, stored" in said
    assert "rejected 0" in said
    assert summaries(services, wanted) == wanted
    assert sum(row["total_pi_dollars"] > 0 for row in wanted.values()) > 100
    again = ingest(services, **paths)
    assert f"received {total}, stored 0, duplicate {total}" in again
    assert summaries(services, wanted) == wanted
    response = httpx.get(f"http://127.0.0.1:{services.api_port}/orders/O-none")
    assert (response.status_code, response.json()["status"]) == (404, 404)


@pytest.mark.parametrize("order", [("trades", "orders", "nbbo"), ("nbbo", "trades", "orders")])
def test_files_ingested_in_any_order_come_to_the_same(services: Services, tmp_path: Path, order: tuple[str, ...]) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(12, 200))
    for name in order:
        ingest(services, **{name: paths[name]})
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    assert summaries(services, wanted) == wanted


def newest(kafka: Kafka, topic: Topic, kind: Any, key: str) -> dict[str, Any]:
    """The published values of the greatest revision, by id."""
    found: dict[str, Any] = {}
    for _, value in published(kafka, topic):
        event = msgspec.convert(value, kind)
        held = found.setdefault(getattr(event, key), event)
        found[getattr(event, key)] = max(held, event, key=lambda event: event.revision)
    return found


def test_fills_and_summaries_leave_through_the_outbox(services: Services, tmp_path: Path, kafka_settings: Kafka, database_url: str) -> None:
    paths = orderflow.write(tmp_path, orderflow.generate(13, 150))
    ingest(services, trades=paths["trades"], orders=paths["orders"])
    ingest(services, nbbo=paths["nbbo"])
    until(lambda: query(database_url, "SELECT count(*) FROM outbox")[0][0], 0)
    wanted = execution.summaries([paths["orders"]], [paths["trades"]], [paths["nbbo"]])
    told = newest(kafka_settings, SUMMARIES, OrderSummary, "order_id")
    assert {name: (told[name].filled_qty, told[name].total_pi_dollars) for name in told} == {
        name: (order["filled_qty"], order["total_pi_dollars"]) for name, order in wanted.items()
    }
    fills = newest(kafka_settings, FILLS, Fill, "trade_id")
    priced = {fill["trade_id"]: fill["bid"] and Decimal(fill["bid"]) for fill in execution.priced([paths["trades"]], [paths["nbbo"]])}
    assert {name: fill.bid for name, fill in fills.items() if not fill.void} == priced
    assert any(fill.void for fill in fills.values())
