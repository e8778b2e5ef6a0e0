"""The questions of docs/database.md, asked of a store."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any

from services.writer.sinks.postgres.connection import connect
from shared.events import Order
from tests.architecture.sources import ROOT
from tests.integration.test_trading_store import Store, expected, facts, holding

PAGE = (ROOT / "docs" / "database.md").read_text()


def test_every_question_is_answered_and_the_best_orders_are_those_of_the_definition(database_url: str) -> None:
    statements = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert len(statements) == 5

    async def ask() -> list[Any]:
        connection = await connect(database_url, "public")
        await Store(connection).write(found, None)
        answers = [await connection.fetch(statement) for statement in statements]
        await connection.close()
        return answers

    found = facts(random.Random(2))
    top, by_venue, outside, orphans, _ = asyncio.run(ask())
    known, values = holding(found, Order, "order_id"), expected(found)
    wanted = sorted(known, key=lambda name: (values[name][1], name), reverse=True)[:5]
    assert [(row["order_id"], row["total_pi_dollars"]) for row in top] == [(name, values[name][1]) for name in wanted]
    assert by_venue[0]["venue"] == "XNAS"
    assert all(row["outside_by"] > 0 for row in outside)
    assert {row["order_id"] for row in orphans}.isdisjoint(known)
    assert orphans


def test_every_index_of_trading_is_on_the_page() -> None:
    migration = (ROOT / "services" / "writer" / "migrations" / "0004_trading.sql").read_text()
    names = re.findall(r"CREATE INDEX (\w+)", migration)
    assert names
    assert all(f"| {name} " in PAGE for name in names)
