"""Execution quality: what a batch's transaction does for orders, executions and quotes, step by step.

Quotes first, then the stored fills that they price, then new fills, then new orders, then the other orders that any of these touched.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.writer.batch import LedgerKey
from services.writer.sinks.postgres import fills, orders, quotes, runs, trading_outbox
from services.writer.sinks.postgres.binary import framed
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.trading_rows import FILLS, ORDERS, QUOTES, Staged
from shared import topics
from shared.events import Nbbo
from shared.time import HOUR, floor, from_datetime

Counts = Mapping[str, Counter[LedgerKey]]
_STAGES = {"stage_quotes": ("quotes", QUOTES), "stage_orders": ("orders", ORDERS), "stage_fills": ("fills", FILLS)}
_HOLD = "INSERT INTO trading_runs (run, symbol) SELECT $1, s FROM unnest($2::text[]) AS u (s) ORDER BY s ON CONFLICT DO NOTHING"
_RELEASE = "DELETE FROM trading_runs WHERE run = $1 RETURNING symbol"
_OUTPUTS = "INSERT INTO outputs (run) VALUES ($1) ON CONFLICT DO NOTHING"
_NAMED = """
UPDATE {table} t SET run = s.run FROM stage_{table} s
WHERE t.{id} = s.{id} AND s.run IS NOT NULL AND t.run IS DISTINCT FROM s.run
"""


@dataclass(slots=True)
class _Changes:
    """What a transaction has changed: fills, orders, and orders whose fills did."""

    fills: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    def priced(self, found: quotes.Touched) -> None:
        """Fills have got another quote."""
        self.fills.update(fill for fill, _ in found)
        self.touched.update(order for _, order in found)

    async def finish(self, connection: Connection) -> None:
        """Recomputes the touched orders, and publishes all that changed."""
        if self.touched:
            self.orders.update(await orders.summarise(connection, self.touched))
        await trading_outbox.put(connection, topics.FILLS.name, self.fills)
        await trading_outbox.put(connection, topics.SUMMARIES.name, self.orders)


async def store(connection: Connection, staged: Staged, counts: Counts, *, blindly: bool = True) -> bool:
    """Stores a batch; returns whether its quotes were all new. `blindly` they are copied at first as if they were."""
    unfinished = await runs.unfinished(connection, staged.by_run.keys()) if staged.by_run else set()
    await _stage(connection, staged, "stage_orders", "stage_fills")
    await quotes.lock(connection, staged.symbols)
    stored: Counter[LedgerKey] = Counter()
    changes = _Changes()
    if staged.quotes:
        await _store_quotes(connection, staged, stored, blindly=blindly)
        changes.priced(await quotes.reprice(connection, staged.quotes, staged.symbols, unfinished))
    if staged.rows["stage_fills"]:
        await _store_fills(connection, unfinished, changes, stored)
    if staged.rows["stage_orders"]:
        await _store_orders(connection, changes, stored)
    await _name(connection, staged, stored)
    await changes.finish(connection)
    for run in sorted(unfinished):
        await connection.execute(_HOLD, run, sorted(staged.by_run[run]))
    counts["stored"].update(stored)
    counts["duplicate"].update(staged.given - stored)
    return all(stored[counted] == count for counted, count in staged.given.items() if counted[0] == Nbbo.source)


async def release(connection: Connection, run: str) -> None:
    """Prices what waited for the run's end, and asks for the run's files."""
    symbols = sorted(row["symbol"] for row in await connection.fetch(_RELEASE, run))
    if not symbols:
        return
    await quotes.lock(connection, symbols)
    changes = _Changes()
    changes.priced(await quotes.price_last(connection, symbols))
    await changes.finish(connection)
    await connection.execute(_OUTPUTS, run)


async def _store_quotes(connection: Connection, staged: Staged, stored: Counter[LedgerKey], *, blindly: bool) -> None:
    if blindly and await quotes.copy(connection, staged.rows["stage_quotes"]):
        stored.update({counted: count for counted, count in staged.given.items() if counted[0] == Nbbo.source})
        return
    await _stage(connection, staged, "stage_quotes")
    for run, hour, count in await quotes.merge(connection):
        stored[_key(Nbbo.source, run, hour)] += count


async def _store_orders(connection: Connection, changes: _Changes, stored: Counter[LedgerKey]) -> None:
    for order_id, known, run, received_at in await orders.store(connection):
        stored[_key("orders", run, received_at)] += 1
        changes.orders.add(order_id)
        if known:
            changes.touched.add(order_id)
        else:
            changes.touched.discard(order_id)


async def _store_fills(connection: Connection, unfinished: set[str], changes: _Changes, stored: Counter[LedgerKey]) -> None:
    for trade_id, order_id, former, run, received_at in await fills.store(connection, unfinished):
        stored[_key("trades", run, received_at)] += 1
        changes.fills.add(trade_id)
        changes.touched.update((order_id, former or order_id))


async def _name(connection: Connection, staged: Staged, stored: Counter[LedgerKey]) -> None:
    """Orders and executions that were known already are now this run's too: its files hold them."""
    for source, table, key in (("orders", "orders", "order_id"), ("trades", "fills", "trade_id")):
        if any(count > stored[counted] for counted, count in staged.given.items() if counted[0] == source):
            await connection.execute(_NAMED.format(table=table, id=key))


async def _stage(connection: Connection, staged: Staged, *names: str) -> None:
    for name in names:
        rows, (table, columns) = staged.rows[name], _STAGES[name]
        if rows:
            await connection.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS SELECT {', '.join(columns)} FROM {table} WITH NO DATA"
            )
            await connection.copy_to_table(name, source=framed(rows), columns=columns, format="binary")


def _key(source: str, run: str | None, at: Any) -> LedgerKey:
    return source, run or "", floor(from_datetime(at), HOUR)
