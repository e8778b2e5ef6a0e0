"""Orders, each id once: of several versions the greatest holds; and what the fills of an order come to."""

from collections.abc import Collection

import asyncpg

from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.trading_rows import ORDERS
from shared.trading.versions import VOID

_COLUMNS = ", ".join(ORDERS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in ORDERS[1:])
_STORE = f"""
INSERT INTO orders AS o ({_COLUMNS}) SELECT {_COLUMNS} FROM stage_orders ORDER BY order_id
ON CONFLICT (order_id) DO UPDATE SET {_SET}, revision = o.revision + 1
WHERE (excluded.action, excluded.action_time, excluded.content) > (o.action, o.action_time, o.content)
RETURNING o.order_id, old.order_id IS NOT NULL AS known, o.run, o.received_at
"""
_PLACEHOLDERS = """
INSERT INTO orders (order_id, action, action_time, content)
SELECT k, -1, '-infinity', '' FROM unnest($1::text[]) AS u (k) ORDER BY k ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT FROM orders WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR UPDATE"
_SUMS = "filled_qty, notional, total_pi_dollars, fill_count, unpriced, mismatched"
_SUMMARISE = f"""
UPDATE orders o SET ({_SUMS}) = ROW ({", ".join(f"s.{name}" for name in _SUMS.split(", "))}), revision = o.revision + 1
FROM (
    SELECT k.order_id, coalesce(sum(f.quantity), 0) AS filled_qty, coalesce(sum(f.price * f.quantity), 0) AS notional,
           coalesce(sum(f.pi_dollars), 0) AS total_pi_dollars, count(f.trade_id) AS fill_count,
           count(f.trade_id) FILTER (WHERE f.bid IS NULL) AS unpriced,
           count(f.trade_id) FILTER (WHERE (f.symbol, f.side) <> (k.symbol, k.side)) AS mismatched
    FROM orders k LEFT JOIN fills f ON f.order_id = k.order_id AND f.action < {VOID}
    WHERE k.order_id = ANY($1::text[]) GROUP BY k.order_id
) s
WHERE o.order_id = s.order_id AND ({", ".join(f"o.{name}" for name in _SUMS.split(", "))}) IS DISTINCT FROM
    ({", ".join(f"s.{name}" for name in _SUMS.split(", "))})
RETURNING o.order_id
"""


async def store(connection: Connection) -> list[asyncpg.Record]:
    """Stores the staged orders; returns those that hold."""
    return await connection.fetch(_STORE)


async def summarise(connection: Connection, orders: Collection[str]) -> list[str]:
    """Recomputes what the fills of the orders come to, under a lock on each; returns those that changed."""
    wanted = sorted(orders)
    await connection.execute(_PLACEHOLDERS, wanted)
    await connection.execute(_LOCK, wanted)
    return [row["order_id"] for row in await connection.fetch(_SUMMARISE, wanted)]
