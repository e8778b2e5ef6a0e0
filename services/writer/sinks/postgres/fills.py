"""Executions, each id once: of several versions the greatest holds; priced as they are stored."""

from collections.abc import Collection, Iterable

import asyncpg

from services.writer.sinks.postgres import copying
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.trading_rows import FILLS, PRICED

_COLUMNS = ", ".join(FILLS)
_GIVEN = ", ".join(f"s.{name}" for name in FILLS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in (*FILLS[1:], "quote_time", "bid", "ask"))
_STORE = f"""
INSERT INTO fills AS f ({_COLUMNS}, quote_time, bid, ask)
SELECT {_GIVEN}, q.event_time, q.bid, q.ask
FROM stage_fills s JOIN quote_heads h ON h.symbol = s.symbol LEFT JOIN LATERAL (
    SELECT event_time, bid, ask FROM quotes q
    WHERE q.symbol = s.symbol AND q.event_time <= s.event_time
      AND (s.event_time <= h.event_time OR s.run IS NULL OR s.run <> ALL($1::text[]))
    ORDER BY q.event_time DESC, q.bid DESC, q.ask DESC LIMIT 1
) q ON true
ORDER BY s.trade_id
ON CONFLICT (trade_id) DO UPDATE SET {_SET}, revision = f.revision + 1
WHERE (excluded.action, excluded.action_time, excluded.content) > (f.action, f.action_time, f.content)
RETURNING f.trade_id, f.order_id, old.order_id AS former, f.run, f.received_at
"""


async def copy(connection: Connection, rows: Iterable[bytes]) -> bool:
    """Stores priced executions that are all new; False, with nothing stored, if one is known."""
    return await copying.copy_new(connection, "fills", PRICED, rows)


async def store(connection: Connection, unfinished: Collection[str]) -> list[asyncpg.Record]:
    """Stores the staged executions; returns those that hold, with the order they were of before, where they are of another."""
    return await connection.fetch(_STORE, sorted(unfinished))
