"""The rows of a run's files, and which runs' files are still to be written. All of one run's rows are of one snapshot."""

from collections.abc import AsyncIterator, Sequence

import asyncpg

from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import without
from shared.trading.versions import VOID

CHUNK = 2_000
_NEXT = f"""
SELECT run FROM outputs WHERE written_at IS NULL AND {without("outputs", "run")}
ORDER BY requested_at, run LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_DONE = """
UPDATE outputs SET written_at = now(), fills = $2, summary = $3, fills_path = $4, summary_path = $5,
    fills_uri = $6, summary_uri = $7 WHERE run = $1
"""
FILLS = f"""
SELECT f.trade_id, f.order_id, f.symbol, f.side, f.quantity, f.price, f.event_time, f.destination, f.quote_time, f.bid, f.ask, f.pi_dollars,
       o.symbol AS order_symbol, o.side AS order_side, o.event_time AS order_time, o.limit_price,
       CASE WHEN o.action >= {VOID} THEN o.action_time END AS order_end
FROM fills f LEFT JOIN orders o ON o.order_id = f.order_id AND o.symbol IS NOT NULL
WHERE f.run = $1 AND f.action < {VOID} ORDER BY f.event_time, f.trade_id
"""
SUMMARY = f"""
SELECT order_id, symbol, side, destination, event_time, quantity, limit_price, filled_qty, notional, total_pi_dollars, fill_count, unpriced,
       mismatched, action >= {VOID} AS cancelled
FROM orders WHERE run = $1 AND symbol IS NOT NULL ORDER BY order_id
"""


async def wanted(connection: Connection) -> str | None:
    """A run whose files are to be written, held for this transaction."""
    found: str | None = await connection.fetchval(_NEXT)
    return found


async def read(connection: Connection, sql: str, run: str) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """The rows, some at a time."""
    cursor = await connection.cursor(sql, run)
    while rows := await cursor.fetch(CHUNK):
        yield rows


async def done(
    connection: Connection, run: str, counts: tuple[int, int], paths: tuple[str, str], uris: tuple[str | None, str | None]
) -> None:
    """The run's files are there: fills and summary."""
    await connection.execute(_DONE, run, *counts, *paths, *uris)
