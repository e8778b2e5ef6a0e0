"""Stores of before a migration that hold something: it is there afterwards, in its new place."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from services.writer import migrate as migrations
from services.writer.sinks.postgres import outbox, trading_outbox

Before = Callable[[str, str], Awaitable[asyncpg.Connection]]
ORIGIN = "'2026-01-05T14:30:00Z', 'orders-1', 1, 3, 7"
EXECUTION = "'AAPL', 'buy', 100, 150.2, '2026-01-05T14:30:00Z', 'XNAS', 0, '2026-01-05T14:30:00Z', ''"
FILLS = 'AAPL\t{"kind_of":"fill","trade_id":"T 1","order_id":"O1"}\nAAPL\t{"kind_of":"fill","trade_id":"Té"}'
SUMMARY = 'O1\t{"kind_of":"order_summary","order_id":"O1"}'
BUNDLES = """
INSERT INTO outbox (topic, key, partition, value, bundled) VALUES
('trading.fills.v1', 'a', 3, convert_to($1, 'UTF8'), true), ('trading.summaries.v1', 'b', 3, convert_to($2, 'UTF8'), true)
"""
FILL = f"""
INSERT INTO fills (trade_id, order_id, symbol, side, quantity, price, event_time, destination, action, action_time, content,
                   received_at, run, epoch, raw_partition, raw_offset)
SELECT t, 'O1', {EXECUTION}, {ORIGIN} FROM unnest($1::text[]) AS u (t)
"""


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Before:
    """A store as it was before a migration, and that migration still to come."""

    async def made(url: str, name: str) -> asyncpg.Connection:
        for file in migrations.FOLDER.glob("*.sql"):
            if file.stem < name:
                (tmp_path / file.name).symlink_to(file)
        monkeypatch.setattr(migrations, "FOLDER", tmp_path)
        await migrations.migrate(url)
        monkeypatch.undo()
        return await asyncpg.connect(url)

    return made


async def test_what_waits_to_be_published_still_does(empty_database_url: str, before: Before) -> None:
    connection = await before(empty_database_url, "0012")
    await connection.execute(BUNDLES, FILLS, SUMMARY)
    await connection.execute("INSERT INTO outbox (topic, key, partition, value) VALUES ('pipeline.runs.v1', 'run', 0, '{}')")
    await connection.execute(FILL, ["T 1", "Té"])
    await connection.execute("INSERT INTO orders (order_id, symbol, action, action_time, content) VALUES ('O1', 'AAPL', 0, now(), '')")
    assert "0012_outbox_ids" in await migrations.migrate(empty_database_url)
    waiting = await outbox.waiting(connection, 10)
    assert [(row["topic"], row["ids"]) for row in waiting] == [
        ("trading.fills.v1", ["T 1", "Té"]),
        ("trading.summaries.v1", ["O1"]),
        ("pipeline.runs.v1", None),
    ]
    found = await trading_outbox.records(connection, waiting)
    assert [(topic, [key for key, _ in pairs]) for topic, _, pairs in found] == [
        ("trading.fills.v1", [b"AAPL", b"AAPL"]),
        ("trading.summaries.v1", [b"O1"]),
    ]
    await connection.close()


async def test_stored_quotes_go_to_the_partitions_of_their_days(empty_database_url: str, before: Before) -> None:
    connection = await before(empty_database_url, "0005")
    times = ["2026-01-05T23:59:59.999999Z", "2026-01-06T00:00:00Z", "2026-01-06T12:00:00Z"]
    await connection.execute(
        f"INSERT INTO quotes (symbol, event_time, bid, ask, received_at, run, epoch, raw_partition, raw_offset) "
        f"SELECT 'AAPL', t::timestamptz, 1, 2, {ORIGIN} FROM unnest(ARRAY{times}) AS u (t)"
    )
    await migrations.migrate(empty_database_url)
    rows = await connection.fetch("SELECT tableoid::regclass::text AS kept, count(*) AS n FROM quotes GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [("quotes_20260105", 1), ("quotes_20260106", 2)]
    days = await connection.fetch("SELECT day::text FROM quote_days ORDER BY 1")
    assert [row["day"] for row in days] == ["2026-01-05", "2026-01-06"]
    await connection.close()
