"""Pricing in the store against its definition: any order, split and repetition of the same facts gives the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from services.writer.batch import collect
from services.writer.sinks.postgres import trading
from services.writer.sinks.postgres.connection import Connection, connect
from services.writer.sinks.postgres.trading_rows import stage
from shared.events import Execution, Nbbo, Order, Origin
from shared.time import DAY, to_datetime
from shared.topics import TRADING_EVENTS
from shared.trading import quality
from shared.trading.versions import RANKS, version
from tests.fixtures.records import MS, Kept

Fact = Order | Execution | Nbbo
SECOND = 1_000_000
START = MS * 1000
TABLES = {
    "orders": "order_id, symbol, side, quantity, limit_price, action, filled_qty, notional, total_pi_dollars, unpriced, mismatched",
    "fills": "trade_id, order_id, symbol, side, quantity, price, action, quote_time, bid, ask, pi_dollars",
    "quotes": "symbol, event_time, bid, ask",
    "quote_heads": "symbol, event_time, bid, ask",
}


def facts(rng: random.Random) -> list[Fact]:
    """Few times, so that many are equal; versions, unknown orders, other symbols' fills, locked and crossed quotes."""
    symbols = ("AAPL", "KO")
    found: list[Fact] = []
    for _ in range(rng.randint(0, 25)):
        at = START + rng.randint(0, 9) * SECOND
        at -= rng.choice((0, 0, 0, 2 * DAY))
        found.append(Nbbo(rng.choice(symbols), Decimal(rng.randint(97, 101)), Decimal(rng.randint(99, 103)), at))
    for _ in range(rng.randint(1, 25)):
        at, action = START + rng.randint(0, 9) * SECOND, rng.choice(("new", "new", "new", "correct", "cancel", "bust"))
        identity = (f"T{rng.randint(0, 9)}", f"O{rng.randint(0, 4)}", rng.choice(symbols), rng.choice(("buy", "sell")))
        amounts = Decimal(rng.randint(1, 5)) * 100, Decimal(rng.randint(970, 1030)) / 10
        found.append(Execution(*identity, *amounts, at, "XNAS", action, at + rng.randint(0, 3)))  # type: ignore[arg-type]
    for _ in range(rng.randint(0, 8)):
        identity = (f"O{rng.randint(0, 3)}", rng.choice(symbols), rng.choice(("buy", "sell")), "")
        action = rng.choice(("new", "new", "correct", "cancel"))
        found.append(Order(*identity[:3], Decimal(rng.randint(1, 9)) * 100, None, START, "XNAS", action, START + rng.randint(0, 3)))  # type: ignore[arg-type]
    return found


def holding(found: list[Fact], kind: type[Any], name: str) -> dict[str, Any]:
    """The versions that hold, by the definition."""
    held: dict[str, Any] = {}
    for fact in found:
        if isinstance(fact, kind):
            key = getattr(fact, name)
            held[key] = max(held.get(key, fact), fact, key=version)
    return held


def expected(found: list[Fact]) -> dict[str, tuple[Any, ...]]:
    """Each fill's quote, each known order's sums."""
    quotes = [fact for fact in found if isinstance(fact, Nbbo)]
    fills = holding(found, Execution, "trade_id")
    priced: dict[str, tuple[Any, ...]] = {}
    sums: Counter[str] = Counter()
    dollars: dict[str, Decimal] = {}
    for name, fill in fills.items():
        known = [(q.event_time, q.bid, q.ask) for q in quotes if q.symbol == fill.symbol and q.event_time <= fill.event_time]
        best = max(known, default=None)
        priced[name] = best[1:] if best else (None, None)
        if RANKS[fill.action] < RANKS["cancel"]:
            sums[fill.order_id] += int(fill.quantity)
            share = quality.improvement(fill.side, fill.price, *best[1:]) if best else Decimal(0)
            dollars[fill.order_id] = dollars.get(fill.order_id, Decimal(0)) + share * fill.quantity
    for name in holding(found, Order, "order_id"):
        priced[name] = (Decimal(sums[name]), dollars.get(name, Decimal(0)))
    return priced


class Store:
    """The writer's transactions, without Kafka."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._offset, self._known = connection, 0, trading.Known()

    async def write(self, found: list[Fact], run: str | None) -> Counter[str]:
        """One batch; returns how many counted as what."""
        records = []
        for fact in found:
            whole = msgspec.structs.replace(fact, run=run, received_at=START, origin=Origin(1, 0, self._offset))
            records.append(Kept(self._offset, MS, b"", msgspec.json.encode(whole)))
            self._offset += 1
        batch = collect({(TRADING_EVENTS.name, 0): records}, {})
        staged = stage(batch)
        counts: dict[str, Counter[Any]] = {"stored": Counter(), "duplicate": Counter(batch.duplicates)}
        if staged is not None:
            async with self._connection.transaction():
                await trading.store(self._connection, staged, counts, self._known)
        return Counter({name: sum(counted.values()) for name, counted in counts.items()})

    async def end(self, run: str) -> None:
        """The run's last marker."""
        async with self._connection.transaction():
            await trading.release(self._connection, run)

    async def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """What is stored, in order; without what is left of an order that a corrected fill named first."""
        await self._connection.execute("DELETE FROM orders WHERE symbol IS NULL AND fill_count = 0")
        return {
            name: sorted((tuple(row) for row in await self._connection.fetch(f"SELECT {columns} FROM {name}")), key=str)
            for name, columns in TABLES.items()
        }

    async def clear(self) -> None:
        """Forgets everything."""
        await self._connection.execute(f"TRUNCATE {', '.join(TABLES)}, trading_runs, outputs, outbox")


@pytest.mark.parametrize("seed", range(12))
def test_any_order_split_and_repetition_comes_to_what_the_definition_gives(database_url: str, seed: int) -> None:
    async def compare() -> None:
        connection = await connect(database_url, "public")
        store, rng = Store(connection), random.Random(seed)
        found = facts(rng)
        first: dict[str, Any] | None = None
        for attempt in range(4):
            given = found + rng.choices(found, k=rng.randint(0, 9))
            rng.shuffle(given)
            parts = rng.choice((1, 2, 5))
            runs = [f"orders-{rng.randint(0, 1)}" if attempt % 2 else None for _ in range(parts)]
            counted: Counter[str] = Counter()
            for n, run in enumerate(runs):
                counted += await store.write(given[n::parts], run)
            for run in sorted({run for run in runs if run is not None}):
                await store.end(run)
            assert counted.total() == len(given)
            stored = await store.rows()
            first = first or stored
            assert stored == first
            told: dict[str, tuple[Any, ...]] = {row[0]: row[8:10] for row in stored["fills"]}
            told |= {row[0]: (row[6], row[8]) for row in stored["orders"] if row[1] is not None}
            assert told == expected(found)
            await store.clear()
        await connection.close()

    asyncio.run(compare())


def test_a_fill_finds_its_quote_among_days_up_to_the_last_one_there_is(database_url: str) -> None:
    times = [START - 2 * DAY, START, START + 40 * DAY, 253_402_300_799 * SECOND]
    quotes: list[Fact] = [Nbbo("KO", Decimal(10), Decimal(11), at) for at in times]

    async def run() -> None:
        connection = await connect(database_url, "public")
        store = Store(connection)
        for known in (0, 4):
            assert await store.write(quotes, None) == {"stored": 4 - known, "duplicate": known}
        fill = Execution("T1", "O1", "KO", "buy", Decimal(100), Decimal(10), START + 30 * DAY, "XNAS")
        await store.write([fill], None)
        assert await connection.fetchval("SELECT quote_time FROM fills") == to_datetime(START)
        await connection.close()

    asyncio.run(run())
