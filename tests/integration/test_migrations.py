"""Stores of before a migration that hold something: it is there afterwards, in its new place."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from services.writer import migrate as migrations
from services.writer.sinks.postgres import outbox, trading_outbox
from shared.errors import Unavailable

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
QUOTES = f"""
INSERT INTO quotes (symbol, event_time, bid, ask, received_at, run, epoch, raw_partition, raw_offset)
SELECT 'AAPL', t::timestamptz, 1, 2, {ORIGIN} FROM unnest($1::text[]) AS u (t)
"""
TICK = """
INSERT INTO ticks (day, source, symbol, kind, id, sequence, event_time, received_at, price, size, native_symbol, late,
                   epoch, raw_partition, raw_offset, raw_index)
VALUES ($2::date, 's', 'BTC-USD', 'trade', $1, 1, $2::date, now(), 1.5, 2, 'BTCUSD', false, 1, 0, 0, 0)
"""
KEYS = {"ticks": "day, id", "quotes": "event_time"}
WRITERS_LOCK = "SELECT pg_advisory_xact_lock_shared(724111, hashtext(current_schema()))"
WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"


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


async def test_stored_quotes_get_days(empty_database_url: str, before: Before) -> None:
    connection = await before(empty_database_url, "0005")
    times = ["2026-01-05T23:59:59.999999Z", "2026-01-06T00:00:00Z", "2026-01-06T12:00:00Z"]
    await connection.execute(QUOTES, times)
    await migrations.migrate(empty_database_url)
    assert await connection.fetchval("SELECT array_agg(event_time ORDER BY event_time) FROM quotes") == [
        datetime.fromisoformat(time) for time in times
    ]
    days = await connection.fetch("SELECT day::text FROM quote_days ORDER BY 1")
    assert [row["day"] for row in days] == ["2026-01-05", "2026-01-06"]
    await connection.close()


async def by_day(connection: asyncpg.Connection, days: int) -> None:
    """A partition per day with two ticks, one with a quote, from 1971 on and, as the last, up to the end of all days."""
    for number in range(days):
        day = date.max if number == days - 1 else date(1971, 1, 1) + timedelta(days=number)
        end = "MAXVALUE" if day == date.max else f"'{day + timedelta(days=1)}'"
        for table in KEYS:
            name = f"{table}_{day:%Y%m%d}"
            await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            await connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{day}') TO ({end})")
        await connection.executemany(TICK, [("one", day), ("other", day)])
        await connection.execute(QUOTES, [f"{day}T12:00:00Z"])


async def is_one_table(connection: asyncpg.Connection) -> None:
    """No partition is left, and the tables have the keys and the index that the statements need."""
    found = await connection.fetch("SELECT relname, relkind FROM pg_class WHERE relname ~ '^(ticks|quotes)' ORDER BY 1")
    names = {"ticks": b"r", "ticks_by_time": b"i", "ticks_pkey": b"i", "quotes": b"r", "quotes_pkey": b"i"}
    assert {row["relname"]: row["relkind"] for row in found} == names
    for table in KEYS:
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(f"INSERT INTO {table} SELECT * FROM {table}")


async def test_partitions_by_day_become_one_table(empty_database_url: str, before: Before) -> None:
    connection = await before(empty_database_url, "0013")
    await by_day(connection, 45)
    rows = {name: await connection.fetch(f"SELECT * FROM {name} ORDER BY {key}") for name, key in KEYS.items()}
    assert "0013_one_table" in await migrations.migrate(empty_database_url)
    assert {name: await connection.fetch(f"SELECT * FROM {name} ORDER BY {key}") for name, key in KEYS.items()} == rows
    assert [len(found) for found in rows.values()] == [90, 45]
    await is_one_table(connection)
    await connection.close()


@pytest.mark.parametrize("table", KEYS)
async def test_an_interrupted_move_to_one_table_loses_nothing(
    empty_database_url: str, before: Before, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Stopped where partitions are copied, then where the old ones are dropped, each time with a slice of 20 behind it."""
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "300ms")
    connection = await before(empty_database_url, "0013")
    await by_day(connection, 25)
    last = f"{table}_99991231"
    for lock in ("ACCESS EXCLUSIVE", "ACCESS SHARE"):
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {last} IN {lock} MODE")
            with pytest.raises(Unavailable, match="lock timeout"):
                await migrations.migrate(empty_database_url)
        assert await connection.fetchval("SELECT count(*) FROM ticks") == 50
        assert await connection.fetchval("SELECT count(*) FROM quotes") == 25
    await migrations.migrate(empty_database_url)
    assert await connection.fetchval("SELECT count(*) FROM ticks") == 50
    assert await connection.fetchval("SELECT count(*) FROM quotes") == 25
    await is_one_table(connection)
    await connection.close()


async def test_no_writer_stores_while_rows_move_to_one_table(empty_database_url: str, before: Before) -> None:
    connection = await before(empty_database_url, "0013")
    await by_day(connection, 1)
    writer = await asyncpg.connect(empty_database_url)
    async with writer.transaction():
        await writer.execute(WRITERS_LOCK)
        moving = asyncio.create_task(migrations.migrate(empty_database_url))
        while not await connection.fetchval(WAITING):  # noqa: ASYNC110 the store tells nobody
            await asyncio.sleep(0.01)
        await writer.execute(TICK, "the last one", date.max)
    await moving
    assert await connection.fetchval("SELECT count(*) FROM ticks") == 3
    await connection.close()
    await writer.close()
