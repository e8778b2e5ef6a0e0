"""Retention on a real store: old days go and are counted, the books still balance, and what comes later of such a day is rejected."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from deploy.local.settings import inherited
from services.writer.maintain import Dropped, expire
from services.writer.protocol import Refused
from services.writer.relay import Relay
from services.writer.sinks.postgres import PostgresSink, proofs, retention
from services.writer.sinks.postgres.connection import connect
from shared import dead_letters
from shared.errors import Unavailable
from shared.events import Execution, Nbbo, Origin, Tally, Trade
from shared.events.pipeline import Count
from shared.settings import Database, Kafka, Settings, Writer
from shared.telemetry.probes import Health
from shared.time import DAY, HOUR, floor
from shared.topics import DEAD_LETTERS, TICKS, TRADING_EVENTS
from tests.fixtures import runs
from tests.integration.sink import Partition, store

OLD = 20_000 * DAY + HOUR  # the days 20,000 and 20,001
NEW = OLD + DAY
SINCE = datetime(1, 1, 1, tzinfo=UTC)
DATES = ["2024-10-04", "2024-10-05"]
AGE = "UPDATE {0} SET loaded_at = now() - interval '40 days' WHERE day = '2024-10-04'"


@pytest.fixture
def settings(bootstrap_servers: str, database_url: str) -> Settings:
    return Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database(url=database_url), writer=Writer(retention_days=30))


def trade(number: int, at: int, *, offset: int, price: str = "100") -> Trade:
    """One that is received as it happens."""
    values = Decimal(price), Decimal("0.5"), "buy", str(number), number
    return Trade("BTC-USD", "BTCUSD", at, *values, "binance", at, Origin(1, 0, offset))  # type: ignore[arg-type]


def quote(at: int, *, offset: int) -> Nbbo:
    return Nbbo("AAPL", Decimal(99), Decimal(101), at, at, Origin(1, 0, offset))


def received(topic: str, upto: int, counts: dict[tuple[str, int], int]) -> Tally:
    """What the transformer says has come so far, by source and hour."""
    return Tally(topic, 0, 1, 0, upto, [Count(source, "", floor(at, HOUR), n, 0, 0) for (source, at), n in counts.items()])


class Store:
    """A sink, the logs it reads, and the store behind it."""

    def __init__(self, settings: Settings, connection: Any) -> None:
        self.settings, self.connection = settings, connection
        self.sink = PostgresSink(settings)
        self.ticks, self.trading, self.letters = (
            Partition(TICKS.name, 0),
            Partition(TRADING_EVENTS.name, 0),
            Partition(DEAD_LETTERS.name, 0),
        )

    async def write(self) -> None:
        """From the stored positions to the ends."""
        await self.sink.connect()
        parts = (self.ticks, self.trading, self.letters)
        positions = await self.sink.positions({part.place: (0, len(part.records)) for part in parts})
        await store(self.sink, {part.place: part.records[positions[part.place] :] for part in parts})

    async def faults(self) -> list[Any]:
        async with proofs.snapshot(self.connection):
            return [fault for proof in proofs.PROOFS for fault in await proofs.faults(self.connection, proof, SINCE, 60)]

    async def ledger(self) -> dict[str, tuple[int, ...]]:
        """Stored, duplicate, rejected and expired by source."""
        sums = "sum(stored)::int, sum(duplicate)::int, sum(rejected)::int, sum(expired)::int"
        return {row[0]: tuple(row)[1:] for row in await self.connection.fetch(f"SELECT source, {sums} FROM ledger GROUP BY 1")}

    async def count(self, table: str) -> int:
        return int(await self.connection.fetchval(f"SELECT count(*) FROM {table}"))

    async def execute(self, *statements: str) -> None:
        for statement in statements:
            await self.connection.execute(statement)


async def filled(settings: Settings) -> Store:
    """Two days of ticks and quotes, with a fill on each that a quote prices."""
    found = Store(settings, await connect(settings.database.url.get_secret_value(), "public"))
    found.ticks.add(*(trade(n, at + n, offset=n) for at in (OLD, NEW) for n in range(at // DAY * 3 % 100, at // DAY * 3 % 100 + 3)))
    found.ticks.add(received("market.raw.v1", 10, {("binance", OLD): 3, ("binance", NEW): 3}))
    fill = "O", "AAPL", "buy", Decimal(100), Decimal(100)
    for number, at in enumerate((OLD, NEW)):
        found.trading.add(quote(at, offset=2 * number))
        found.trading.add(Execution(f"T{at}", *fill, at + 1, received_at=at, origin=Origin(1, 0, 2 * number + 1)))  # type: ignore[arg-type]
    found.trading.add(received("trading.raw.v1", 4, {("nbbo", OLD): 1, ("nbbo", NEW): 1, ("trades", OLD): 1, ("trades", NEW): 1}))
    await found.write()
    assert await found.faults() == []
    return found


async def test_a_day_that_nothing_was_loaded_of_goes_and_the_books_balance(settings: Settings) -> None:
    found = await filled(settings)
    assert await expire(settings) == Dropped(0, 0)
    candles = await found.connection.fetch("SELECT * FROM candles ORDER BY start")
    await found.execute(*(AGE.format(listed) for listed in ("tick_days", "quote_days")))
    one, other = await asyncio.gather(expire(settings), expire(settings))
    assert {one, other} in ({Dropped(2, 4), None}, {Dropped(2, 4), Dropped(0, 0)})
    assert await maintained(settings) == (0, "0 days of ticks and quotes dropped, 0 rows counted as expired\n")
    assert (await found.count("ticks"), await found.count("quotes")) == (3, 1)
    assert await found.connection.fetch("SELECT * FROM candles ORDER BY start") == candles
    assert await found.ledger() == {"binance": (6, 0, 0, 3), "nbbo": (2, 0, 0, 1), "trades": (2, 0, 0, 0)}
    assert await found.faults() == []
    await found.execute("DELETE FROM ticks WHERE ctid = (SELECT min(ctid) FROM ticks)")
    assert [what for what, _ in await found.faults()] == ["rows of binance", "candle binance BTC-USD trade 2024-10-05T01:00Z"]


async def maintained(settings: Settings) -> tuple[int, str]:
    """What the command says without a bucket."""
    given = {"DATABASE_URL": settings.database.url.get_secret_value(), "WRITER__RETENTION_DAYS": "30", "S3__BUCKET": ""}
    command = [sys.executable, "-m", "services.writer", "maintain"]
    done = await asyncio.to_thread(subprocess.run, command, env={**inherited(), **given}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


async def test_what_comes_of_an_expired_day_is_rejected_and_leaves_as_dead_letters(settings: Settings, kafka_settings: Kafka) -> None:
    settings = settings.model_copy(update={"kafka": kafka_settings})  # with topics to relay to
    found = await filled(settings)
    await found.execute(*(AGE.format(listed) for listed in ("tick_days", "quote_days")))
    found.ticks.add(
        trade(7, OLD, offset=20), trade(8, OLD + 1, offset=21, price="1"), trade(9, NEW, offset=22), trade(1, NEW + 1, offset=23)
    )
    found.ticks.add(received("market.raw.v1", 30, {("binance", OLD): 5, ("binance", NEW): 5}))
    found.trading.add(quote(OLD, offset=30), quote(OLD + 1, offset=31))
    found.trading.add(received("trading.raw.v1", 32, {("nbbo", OLD): 3, ("nbbo", NEW): 1, ("trades", OLD): 1, ("trades", NEW): 1}))
    ready = await found.sink.prepare({found.ticks.place: found.ticks.records[7:], found.trading.place: found.trading.records[5:]})
    await expire(settings)
    with pytest.raises(Unavailable, match="days are no longer kept"):
        await ready()  # it was sorted out before the day expired
    await found.write()
    assert await found.ledger() == {"binance": (8, 0, 2, 3), "nbbo": (2, 0, 2, 1), "trades": (2, 0, 0, 0)}
    assert await found.faults() == []
    letters = await relayed(found)
    assert [(letter.origin, letter.reason, letter.source, letter.record.key, letter.rows) for letter in letters] == [
        ("market.raw.v1/1/0/20/0", "expired", "binance", b"BTC-USD", None),
        ("market.raw.v1/1/0/21/0", "expired", "binance", b"BTC-USD", None),
        ("trading.raw.v1/1/0/30/0", "expired", "nbbo", b"AAPL", None),
        ("trading.raw.v1/1/0/31/0", "expired", "nbbo", b"AAPL", None),
    ]
    assert letters[1].message == "facts of 2024-10-04 are no longer kept"
    assert b'"price":"1"' in (letters[1].record.value or b"")
    await read_back(found, letters)


async def relayed(found: Store) -> list[Any]:
    """The dead letters of the log, once the outbox is empty."""
    stop = asyncio.Event()
    relay = asyncio.create_task(Relay(found.settings, Health()).run(stop))
    async with asyncio.timeout(60):
        while await found.count("outbox"):  # noqa: ASYNC110 the store tells nobody
            await asyncio.sleep(0.05)
    stop.set()
    await relay
    records = await runs.dead_letters(found.settings.kafka)
    return sorted((letter for record in records if (letter := dead_letters.read(record))), key=lambda letter: letter.origin)


async def read_back(found: Store, letters: list[Any]) -> None:
    """The writer's own letters count once, also in a store that does not know them: there the day has not expired."""
    await found.execute("UPDATE dead_letters SET origin = 'another store/' || origin")
    before = await found.ledger(), await found.count("dead_letters")
    found.letters.records += [letter.record for letter in letters]
    await found.write()
    assert (await found.ledger(), await found.count("dead_letters")) == before


async def test_a_day_that_something_is_stored_of_is_kept(settings: Settings) -> None:
    found = await filled(settings)
    await found.execute(AGE.format("tick_days"))
    found.sink = PostgresSink(settings)  # a writer that was started since
    found.ticks.add(trade(7, OLD, offset=20))
    await found.write()
    assert await expire(settings) == Dropped(0, 0)


async def test_readers_and_writers_are_not_in_the_way_of_rows_that_expire(settings: Settings) -> None:
    found = await filled(settings)
    await found.execute(AGE.format("tick_days"))
    reader = await asyncpg.connect(settings.database.url.get_secret_value())
    try:
        async with reader.transaction(isolation="repeatable_read"):
            assert await reader.fetchval("SELECT count(*) FROM ticks") == 6
            assert await expire(settings) == Dropped(1, 3)
            assert await reader.fetchval("SELECT count(*) FROM ticks") == 6, "a statement's rows stay while it reads them"
        assert await found.count("ticks") == 3
    finally:
        await reader.close()


async def test_what_was_interrupted_goes_on_where_it_stopped(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_ROWS", 1)
    found = await filled(settings)
    await found.execute("UPDATE tick_days SET loaded_at = '2020-01-01'", "UPDATE quote_days SET loaded_at = '2020-01-01'")
    marked = await retention.mark(found.connection, await found.connection.fetchval("SELECT now() - interval '30 days'"))
    assert [(table, str(day)) for table, day in marked] == [(table, day) for table in ("quotes", "ticks") for day in DATES]
    assert await retention.delete(found.connection, marked) == retention.Deleted(1, 1)
    assert await found.faults() == [], "the books balance between two days"
    assert await expire(settings) == Dropped(3, 7)
    assert (await found.count("ticks"), await found.count("quotes")) == (0, 0)
    rows = await found.connection.fetch("SELECT of, day::text, rows FROM expired_days ORDER BY of, day")
    assert [tuple(row) for row in rows] == [(of, day, n) for of, n in (("quotes", 1), ("ticks", 3)) for day in DATES]
    assert await found.faults() == []


async def test_a_day_is_listed_though_its_first_transaction_failed(settings: Settings) -> None:
    found = await filled(settings)
    found.ticks.add(trade(7, OLD + 5 * DAY, offset=20))
    ready = await found.sink.prepare({found.ticks.place: found.ticks.records[7:]})
    await found.execute("ALTER TABLE ledger ADD CONSTRAINT refused CHECK (source = '') NOT VALID")
    with pytest.raises(Refused):
        await ready()  # the last statement fails, behind the one that lists the day
    await found.execute("ALTER TABLE ledger DROP CONSTRAINT refused")
    await ready()
    assert await found.count("tick_days") == 3
