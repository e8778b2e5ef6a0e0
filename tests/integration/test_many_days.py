"""Facts of thousands of days in one batch: stored in seconds, known the second time, read, audited, proved and expired like any other.

TICKPLANT_TEST_DAYS=10000 takes as many days.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest

from services.writer.maintain import Dropped, expire
from services.writer.sinks.postgres import PostgresSink, audits, proofs
from services.writer.sinks.postgres.connection import Connection, connect
from shared.aggregations.candles import Key
from shared.events import Execution, Nbbo, Order, Origin, Trade
from shared.settings import Database, Kafka, Settings, Writer
from shared.time import DAY, HOUR, SECOND, from_iso
from shared.topics import TICKS, TRADING_EVENTS
from tests.fixtures import api
from tests.integration.sink import Partition, store

DAYS = int(os.environ.get("TICKPLANT_TEST_DAYS", "2500"))
SECONDS = 20 + DAYS / 250  # of anything below
FIRST = 400 * DAY
TODAY = from_iso("2026-01-05T12:00:00Z")
SINCE = datetime(1, 1, 1, tzinfo=UTC)
READ = "SELECT sum(idx_tup_read)::int FROM pg_stat_user_indexes WHERE relname = 'fills'"


@pytest.fixture
def settings(bootstrap_servers: str, database_url: str) -> Settings:
    kafka, database = Kafka(bootstrap_servers=bootstrap_servers), Database(url=database_url)
    return Settings(kafka=kafka, database=database, writer=Writer(retention_days=30))


def closes(run: str | None, first: int) -> list[Trade]:
    """A trade of each day, in records from `first` on."""
    return [
        Trade(
            "BTC-USD",
            "BTCUSD",
            FIRST + n * DAY,
            Decimal(n + 1),
            Decimal(1),
            "buy",
            str(n),
            n,
            "csv",
            TODAY,
            Origin(1, 0, first + n),
            run=run,
        )
        for n in range(DAYS)
    ]


def book(run: str | None, first: int) -> list[Order | Execution | Nbbo]:
    """An order, a quote and the fill that meets it of each day."""

    def of(day: int) -> list[Order | Execution | Nbbo]:
        at, name = FIRST + day * DAY + 15 * HOUR, f"{day:05}"
        place = [Origin(1, 0, first + 3 * day + n) for n in range(3)]
        values: dict[str, Any] = {"received_at": TODAY, "run": run}
        return [
            Order(f"O{name}", "KO", "buy", Decimal(100), None, at, "XNAS", origin=place[0], **values),
            Nbbo("KO", Decimal(60), Decimal(62), at + SECOND, origin=place[1], **values),
            Execution(f"T{name}", f"O{name}", "KO", "buy", Decimal(100), Decimal(61), at + SECOND, "XNAS", origin=place[2], **values),
        ]

    return list(chain.from_iterable(map(of, range(DAYS))))


async def written(settings: Settings, partition: Partition, found: Callable[[str | None, int], list[Any]]) -> Connection:
    """Stores what is found twice, as two runs, each in one batch; the ledger knows the second time as duplicates."""
    sink = PostgresSink(settings)
    await sink.connect()
    connection = await connect(settings.database.url.get_secret_value(), "public")
    await sink.positions({partition.place: (0, 0)})
    for run in ("prices-1", "prices-2"):
        known = len(partition.records)
        events = found(run, known)
        partition.add(*events)
        await timed(store(sink, partition.since(known)))
        sums = await connection.fetchrow("SELECT sum(stored)::int, sum(duplicate)::int FROM ledger WHERE run = $1", run)
        assert tuple(sums or ()) == ((len(events), 0) if run == "prices-1" else (0, len(events)))
    await sink.close()
    return connection


async def timed(work: Awaitable[Any]) -> Any:
    """What the work returns, in time."""
    began = time.monotonic()
    result = await work
    assert time.monotonic() - began < SECONDS
    return result


async def balanced(connection: Connection) -> None:
    """No proof finds a fault, but for what only a transformer counts."""
    async with proofs.snapshot(connection):
        for proof in proofs.PROOFS:
            if proof.name not in proofs.OF_FLOW:
                assert await timed(proofs.faults(connection, proof, SINCE, 60)) == []


async def test_ticks_of_thousands_of_days(settings: Settings) -> None:
    connection = await written(settings, Partition(TICKS.name, 0), closes)
    async with api.serving(settings.database.url.get_secret_value()) as client:
        pages = await timed(client.pages("/ticks", symbol="BTC-USD", limit=1000))
        assert [row["price"] for page in pages for row in page] == list(range(1, DAYS + 1))
        days = await timed(client.pages("/candles", symbol="BTC-USD", interval="1d", limit=1000))
        assert [row["close"] for page in days for row in page] == list(range(1, DAYS + 1))
        known = await timed(client.pages("/candles", symbol="BTC-USD", interval="1d", as_of="2026-01-06T00:00:00Z", limit=1000))
        assert [len(page) for page in known] == [len(page) for page in days]
        assert (await timed(client.get("/latest", symbol="BTC-USD")))["results"][0]["price"] == DAYS
    everything: set[Key] = {("csv", "BTC-USD", "trade", FIRST + n * DAY) for n in range(DAYS)}
    assert await timed(audits.astray(connection, 1000, everything)) == ({}, {"csv"})
    await balanced(connection)
    await connection.execute("UPDATE tick_days SET loaded_at = now() - interval '40 days'")
    assert await timed(expire(settings)) == Dropped(DAYS, DAYS)
    await balanced(connection)
    await connection.close()


async def test_an_order_book_of_thousands_of_days(settings: Settings) -> None:
    connection = await written(settings, Partition(TRADING_EVENTS.name, 0), book)
    assert await connection.fetchval(READ) < 10 * DAYS, "a known quote is not compared with every later fill"
    async with api.serving(settings.database.url.get_secret_value()) as client:
        fills = [row for page in await timed(client.pages("/fills", limit=1000)) for row in page]
        assert [(row["trade_id"], row["ask"]) for row in fills] == [(f"T{n:05}", 62) for n in range(DAYS)]
        orders = await timed(client.pages("/orders", limit=1000))
        assert {row["total_pi_dollars"] for page in orders for row in page} == {100}
        by_day = await timed(client.get("/execution-quality", group_by="day"))
        assert len(by_day["results"]) > 0
    await balanced(connection)
    await connection.execute("UPDATE quote_days SET loaded_at = now() - interval '40 days'")
    assert await timed(expire(settings)) == Dropped(DAYS, DAYS)
    await balanced(connection)
    await connection.close()
