"""Execution quality: what a batch's transaction does for orders, executions and quotes, step by step.

Quotes first, then the stored fills that they price, then new fills, then the orders that any of these touched.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from services.writer.batch import LedgerKey
from services.writer.sinks.postgres import fills, orders, quotes, runs
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.trading_rows import FILLS, ORDERS, QUOTES, Staged, framed
from shared.time import HOUR, floor, from_datetime

Counts = Mapping[str, Counter[LedgerKey]]
_STAGES = {"stage_quotes": ("quotes", QUOTES), "stage_orders": ("orders", ORDERS), "stage_fills": ("fills", FILLS)}
_HOLD = "INSERT INTO trading_runs (run, symbol) SELECT $1, s FROM unnest($2::text[]) AS u (s) ORDER BY s ON CONFLICT DO NOTHING"
_RELEASE = "DELETE FROM trading_runs WHERE run = $1 RETURNING symbol"


async def store(connection: Connection, staged: Staged, counts: Counts) -> None:
    """Stores a batch."""
    unfinished = await runs.unfinished(connection, staged.by_run.keys()) if staged.by_run else set()
    await _stage(connection, staged)
    await quotes.lock(connection, staged.symbols)
    stored: Counter[LedgerKey] = Counter()
    touched: set[str] = set()
    if staged.rows["stage_quotes"]:
        for run, hour, count in await quotes.store(connection):
            stored[_key("nbbo", run, hour)] += count
        touched |= {order for _, order in await quotes.reprice(connection, staged.symbols, unfinished)}
    if staged.rows["stage_orders"]:
        for found in await orders.store(connection):
            stored[_key("orders", found["run"], found["received_at"])] += 1
            if found["known"]:
                touched.add(found["order_id"])
    if staged.rows["stage_fills"]:
        for found in await fills.store(connection, unfinished):
            stored[_key("trades", found["run"], found["received_at"])] += 1
            touched |= {found["order_id"], found["former"] or found["order_id"]}
    if touched:
        await orders.summarise(connection, touched)
    for run in sorted(unfinished):
        await connection.execute(_HOLD, run, sorted(staged.by_run[run]))
    counts["stored"].update(stored)
    counts["duplicate"].update(staged.given - stored)


async def release(connection: Connection, run: str) -> None:
    """Prices what waited for the run's end."""
    symbols = sorted(row["symbol"] for row in await connection.fetch(_RELEASE, run))
    if not symbols:
        return
    await quotes.lock(connection, symbols)
    touched = {order for _, order in await quotes.price_last(connection, symbols)}
    if touched:
        await orders.summarise(connection, touched)


async def _stage(connection: Connection, staged: Staged) -> None:
    for name, rows in staged.rows.items():
        table, columns = _STAGES[name]
        if rows:
            await connection.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS SELECT {', '.join(columns)} FROM {table} WITH NO DATA"
            )
            await connection.execute(f"TRUNCATE {name}")
            await connection.copy_to_table(name, source=_sent(rows), columns=columns, format="binary")


async def _sent(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in framed(rows):
        yield piece


def _key(source: str, run: str | None, at: Any) -> LedgerKey:
    return source, run or "", floor(from_datetime(at), HOUR)
