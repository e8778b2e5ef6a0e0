"""Execution quality: what a batch's transaction does for orders, executions and quotes, step by step.

Quotes first, then the stored fills that they price, then new fills, then new orders, then the other orders that any of these touched.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.writer.batch import LedgerKey, counted
from services.writer.sinks.postgres import fills, orders, pricing, quotes, runs, trading_outbox
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.copying import copy
from services.writer.sinks.postgres.trading_rows import FILLS, ORDERS, QUOTES, Staged, priced_rows, staged_rows
from shared import topics
from shared.events import Nbbo
from shared.time import HOUR, floor, from_datetime

Counts = Mapping[str, Counter[LedgerKey]]
_HOLD = "INSERT INTO trading_runs (run, symbol) SELECT $1, s FROM unnest($2::text[]) AS u (s) ORDER BY s ON CONFLICT DO NOTHING"
_RELEASE = "DELETE FROM trading_runs WHERE run = $1 RETURNING symbol"
_OUTPUTS = "INSERT INTO outputs (run) VALUES ($1) ON CONFLICT DO NOTHING"
_NAMED = """
UPDATE {table} t SET run = s.run FROM stage_{table} s
WHERE t.{id} = s.{id} AND s.run IS NOT NULL AND t.run IS DISTINCT FROM s.run
"""


@dataclass(slots=True)
class Known:
    """What of the last batch was stored before: the next one is not copied as if it were all new."""

    quotes: bool = False
    fills: bool = False


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


async def store(connection: Connection, staged: Staged, counts: Counts, known: Known) -> None:
    """Stores a batch. What `known` does not tell otherwise is copied at first as if it were new, and `known` then tells what was."""
    unfinished = await runs.unfinished(connection, staged.by_run.keys()) if staged.by_run else set()
    before = await quotes.lock(connection, staged.symbols)
    stored: Counter[LedgerKey] = Counter()
    changes = _Changes()
    if staged.quotes:
        await _store_quotes(connection, staged, stored, known)
        changes.priced(await quotes.reprice(connection, staged, unfinished))
    if staged.fills:
        await _store_fills(connection, staged, pricing.heads(before, staged.series), unfinished, changes, stored, known)
    if staged.order_rows:
        await _store_orders(connection, staged, changes, stored)
    await _name(connection, staged, stored)
    await changes.finish(connection)
    for run in sorted(unfinished):
        await connection.execute(_HOLD, run, sorted(staged.by_run[run]))
    counts["stored"].update(stored)
    counts["duplicate"].update(staged.given - stored)


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


async def _store_quotes(connection: Connection, staged: Staged, stored: Counter[LedgerKey], known: Known) -> None:
    given = Counter({counted: count for counted, count in staged.given.items() if counted[0] == Nbbo.source})
    if not known.quotes and await quotes.copy(connection, staged.quote_rows):
        stored.update(given)
        return
    await _stage(connection, "quotes", QUOTES, staged.quote_rows)
    for run, hour, count in await quotes.merge(connection):
        stored[_key(Nbbo.source, run, hour)] += count
    known.quotes = any(stored[counted] < count for counted, count in given.items())


async def _store_orders(connection: Connection, staged: Staged, changes: _Changes, stored: Counter[LedgerKey]) -> None:
    await _stage(connection, "orders", ORDERS, staged.order_rows)
    for order_id, known, run, received_at in await orders.store(connection):
        stored[_key("orders", run, received_at)] += 1
        changes.orders.add(order_id)
        if known:
            changes.touched.add(order_id)
        else:
            changes.touched.discard(order_id)


async def _store_fills(
    connection: Connection,
    staged: Staged,
    heads: Mapping[str, pricing.Head],
    unfinished: set[str],
    changes: _Changes,
    stored: Counter[LedgerKey],
    known: Known,
) -> None:
    """New executions that can be priced by what is at hand are copied; the store prices, and compares, all others."""
    priced, rows, left = pricing.at_hand(staged.fills, heads, unfinished)
    if rows and not known.fills and await fills.copy(connection, priced_rows(rows)):
        stored.update(counted(priced))
        changes.fills.update([event.trade_id for event in priced])
        changes.touched.update([event.order_id for event in priced])
    else:
        left = staged.fills
    if not left:
        return
    await _stage(connection, "fills", FILLS, staged_rows(left))
    found = await fills.store(connection, unfinished)
    for trade_id, order_id, former, run, received_at in found:
        stored[_key("trades", run, received_at)] += 1
        changes.fills.add(trade_id)
        changes.touched.update((order_id, former or order_id))
    known.fills = len(left) == len(staged.fills) and len(found) < len(left)


async def _name(connection: Connection, staged: Staged, stored: Counter[LedgerKey]) -> None:
    """Orders and executions that were known already are now this run's too: its files hold them."""
    for source, table, key in (("orders", "orders", "order_id"), ("trades", "fills", "trade_id")):
        if any(count > stored[counted] for counted, count in staged.given.items() if counted[0] == source):
            await connection.execute(_NAMED.format(table=table, id=key))


async def _stage(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Rows into the stage of a table."""
    await connection.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS stage_{table} ON COMMIT DELETE ROWS AS SELECT {', '.join(columns)} FROM {table} WITH NO DATA"
    )
    await copy(connection, f"stage_{table}", columns, rows)


def _key(source: str, run: str | None, at: Any) -> LedgerKey:
    return source, run or "", floor(from_datetime(at), HOUR)
