"""Orders, each id once: of several versions the greatest holds; and what the fills of an order come to."""

from collections.abc import Collection

import asyncpg

from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.trading_rows import ORDERS
from shared.trading.versions import VOID

_COLUMNS = ", ".join(ORDERS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in ORDERS[1:])
_SUMS = "filled_qty notional total_pi_dollars fill_count unpriced mismatched".split()
# What the fills of the order `k` come to; by itself, so that they are found by their order however many fills there are.
_FILLED = f"""
CROSS JOIN LATERAL (
    SELECT coalesce(sum(f.quantity), 0) AS filled_qty, coalesce(sum(f.price * f.quantity), 0) AS notional,
           coalesce(sum(f.pi_dollars), 0) AS total_pi_dollars, count(*) AS fill_count, count(*) FILTER (WHERE f.bid IS NULL) AS unpriced,
           count(*) FILTER (WHERE (f.symbol, f.side) <> (k.symbol, k.side)) AS mismatched
    FROM fills f WHERE f.order_id = k.order_id AND f.action < {VOID}
) s
"""
# An order that was not known gets its sums at once; one that was is locked first, so that its sums miss no fill stored meanwhile.
_STORE = f"""
INSERT INTO orders AS o ({_COLUMNS}, {", ".join(_SUMS)})
SELECT {", ".join(f"k.{name}" for name in ORDERS)}, {", ".join(f"s.{name}" for name in _SUMS)}
FROM stage_orders k {_FILLED} ORDER BY k.order_id
ON CONFLICT (order_id) DO UPDATE SET {_SET}, revision = o.revision + 1
WHERE (excluded.action, excluded.action_time, excluded.content) > (o.action, o.action_time, o.content)
RETURNING o.order_id, old.order_id IS NOT NULL AS known, o.run, o.received_at
"""
_PLACEHOLDERS = """
INSERT INTO orders (order_id, action, action_time, content)
SELECT k, -1, '-infinity', '' FROM unnest($1::text[]) AS u (k) ORDER BY k ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT FROM orders WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR UPDATE"
_SUMMARISE = f"""
UPDATE orders o SET ({", ".join(_SUMS)}) = ROW ({", ".join(f"s.{name}" for name in _SUMS)}), revision = o.revision + 1
FROM orders k {_FILLED}
WHERE k.order_id = ANY($1::text[]) AND o.order_id = k.order_id
  AND ({", ".join(f"o.{name}" for name in _SUMS)}) IS DISTINCT FROM ({", ".join(f"s.{name}" for name in _SUMS)})
RETURNING o.order_id
"""


async def store(connection: Connection) -> list[asyncpg.Record]:
    """Stores the staged orders, each with the sums of its stored fills where it was not known; returns those that hold."""
    return await connection.fetch(_STORE)


async def summarise(connection: Connection, orders: Collection[str]) -> list[str]:
    """Recomputes what the fills of the orders come to, under a lock on each; returns those that changed."""
    wanted = sorted(orders)
    await connection.execute(_PLACEHOLDERS, wanted)
    await connection.execute(_LOCK, wanted)
    return [row["order_id"] for row in await connection.fetch(_SUMMARISE, wanted)]
