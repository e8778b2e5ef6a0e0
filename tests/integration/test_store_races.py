"""Two writers at one row: whoever refolds or publishes a row of another partition waits for the other, and misses nothing of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import asyncpg
import msgspec
import pytest

from services.writer.batch import LedgerKey
from services.writer.sinks.postgres import candles, ledger, operations, outbox, run_ends, runs
from services.writer.sinks.postgres.connection import Connection, connect
from services.writer.sinks.postgres.facts import gather
from shared.aggregations.candles import Key
from shared.events import Count, Origin, ServiceEvent, Tally, Trade
from tests.integration.sink import T0

Two = tuple[Connection, Connection]


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Two]:
    first, second = await connect(database_url, "public"), await connect(database_url, "public")
    yield first, second
    first.terminate()
    second.terminate()


async def waits(url: str) -> None:
    """Until a session of the database waits for a lock."""
    watcher = await asyncpg.connect(url)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    try:
        async with asyncio.timeout(20):
            while not await watcher.fetchval(waiting):  # noqa: ASYNC110 the server notifies nobody of that
                await asyncio.sleep(0.02)
    finally:
        watcher.terminate()


async def overtaken(
    url: str, first: Connection, second: Connection, early: Callable[[], Awaitable[None]], late: Callable[[], Awaitable[None]]
) -> None:
    """`early` is not committed yet when `late` comes; whether `late` waits for it or not, both are committed in the end."""
    transaction = second.transaction()
    await transaction.start()
    await early()

    async def other() -> None:
        async with first.transaction():
            await late()

    task = asyncio.create_task(other())
    _, waiting = await asyncio.wait([task, asyncio.create_task(waits(url))], return_when=asyncio.FIRST_COMPLETED)
    await transaction.commit()
    await task
    for left in waiting:
        left.cancel()


def counts() -> dict[str, Counter[LedgerKey]]:
    return {name: Counter() for name in ledger.COUNTS}


def event(name: str, service: str, received_at: int, offset: int, partition: int = 0) -> ServiceEvent:
    origin = Origin(1, partition, offset)
    return ServiceEvent(name, service, "request", T0, "x", Decimal(5), 200, received_at=received_at, origin=origin)


async def stored_minutes(connection: Connection) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The counts of the minutes, and of their events."""
    kept = await connection.fetch("SELECT service, request_count FROM minutes ORDER BY 1")
    truth = await connection.fetch("SELECT service, count(*) FROM service_events GROUP BY 1 ORDER BY 1")
    return [(row[0], row[1]) for row in kept], [(row[0], row[1]) for row in truth]


@pytest.mark.parametrize("busy", ["the service that loses the event", "the service that gets it"])
async def test_an_id_under_two_services_leaves_both_minutes_whole(sessions: Two, database_url: str, busy: str) -> None:
    first, second = sessions
    async with first.transaction():
        await operations.store(first, {name: event(name, "y", T0 + 10, n) for n, name in enumerate(("a", "b"))}, counts())
    service = "y" if busy == "the service that loses the event" else "x"

    async def early() -> None:
        await operations.store(second, {"c": event("c", service, T0 + 11, 3)}, counts())

    async def late() -> None:
        await operations.store(first, {"a": event("a", "x", T0 + 1, 0, partition=1)}, counts())

    await overtaken(database_url, first, second, early, late)
    kept, truth = await stored_minutes(first)
    assert kept == truth


def tick(number: int) -> Trade:
    at = T0 + number
    return Trade(
        "BTC-USD", "BTC-USD", at, Decimal(1), Decimal(1), "buy", str(number), number, "kraken", at, Origin(1, 0, number), late=True
    )


async def add(connection: Connection, number: int) -> list[Key]:
    """A late tick, as a batch stores it."""
    gathered = gather([tick(number)])
    await candles.merge(connection, gathered.partials.values(), gathered.live)
    await candles.reclose(connection, gathered.partials)
    await outbox.put(connection, [outbox.candle(found) for found in await candles.read(connection, gathered.partials)])
    return list(gathered.partials)


async def end(connection: Connection, run: str) -> None:
    await runs.lock(connection, [run])
    assert await run_ends.finish(connection, run_ends.End(run, aborted=False, sent=1, message=""))


async def held(connection: Connection) -> list[Key]:
    """A candle that two unfinished runs have touched."""
    async with connection.transaction():
        keys = await add(connection, 1)
        await runs.lock(connection, ["prices-1", "prices-2"])
        for run in ("prices-1", "prices-2"):
            await candles.hold(connection, run, keys)
        await candles.reclose(connection, keys)
    return keys


async def test_what_waits_to_be_published_is_the_newest_though_a_run_ends_meanwhile(sessions: Two, database_url: str) -> None:
    first, second = sessions
    await held(first)

    async def early() -> None:
        await add(second, 2)

    await overtaken(database_url, first, second, early, lambda: end(first, "prices-1"))
    assert msgspec.json.decode(await first.fetchval("SELECT value FROM outbox"))["tick_count"] == 2


async def test_two_runs_that_end_at_once_close_their_candle(sessions: Two, database_url: str) -> None:
    first, second = sessions
    await held(first)
    await overtaken(database_url, first, second, lambda: end(second, "prices-2"), lambda: end(first, "prices-1"))
    assert await first.fetchval("SELECT is_closed FROM candles")
    assert msgspec.json.decode(await first.fetchval("SELECT value FROM outbox"))["is_closed"]


async def test_an_older_tally_does_not_replace_a_newer_one(sessions: Two) -> None:
    connection, _ = sessions
    for upto in (20, 10, 20):
        count = Count("kraken", "", T0 // 3_600_000_000 * 3_600_000_000, upto, 0, 0)
        await ledger.tally(connection, "c", [Tally("market.raw.v1", 0, 1, 0, upto, [count])])
        assert await connection.fetchval("SELECT sum(received) FROM tallies") == 20


async def test_a_value_that_was_put_while_the_one_before_was_sent_still_waits(sessions: Two) -> None:
    connection, _ = sessions
    await outbox.put(connection, [("t", b"k", 0, b"1")])
    sent = await outbox.waiting(connection, 10)
    await outbox.put(connection, [("t", b"k", 0, b"2")])
    await outbox.done(connection, sent)
    assert [row["value"] for row in await outbox.waiting(connection, 10)] == [b"2"]
    await outbox.done(connection, await outbox.waiting(connection, 10))
    assert await outbox.waiting(connection, 10) == []
