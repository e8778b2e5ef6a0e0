"""Quotes, and the fills that they price: a fill's quote is the greatest (event_time, bid, ask) of its symbol at or before its time.

Invariant: a stored fill not later than its symbol's newest quote has its quote; a later one may wait for it until a quote passes it or
the run ends, so that executions stored before their quotes are each priced once.
"""

from collections.abc import Collection, Sequence

from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.trading_rows import QUOTES

_COLUMNS = ", ".join(QUOTES)
_HEADS = "INSERT INTO quote_heads (symbol) SELECT s FROM unnest($1::text[]) AS u (s) ORDER BY s ON CONFLICT DO NOTHING"
_LOCK = "SELECT FROM quote_heads WHERE symbol = ANY($1::text[]) ORDER BY symbol FOR UPDATE"
_INSERT = f"""
WITH added AS (
    INSERT INTO quotes ({_COLUMNS}) SELECT {_COLUMNS} FROM stage_quotes ORDER BY symbol, event_time ON CONFLICT DO NOTHING
    RETURNING run, received_at
)
SELECT run, date_trunc('hour', received_at) AS hour, count(*) AS n FROM added GROUP BY 1, 2
"""
_BETTER = "(f.quote_time IS NULL OR (f.quote_time, f.bid, f.ask) < (q.event_time, q.bid, q.ask))"
# The new quotes and the newest of before hold from their time to the next one's; nothing else can have become a fill's quote. Those after
# the last fill of their symbol price nothing: of them only the first counts, as an end. The array makes the fills be found by their
# key however many there are: a join of the two alone may be made by reading all.
_REPRICE = f"""
WITH ends AS MATERIALIZED (
    SELECT s.symbol, (SELECT max(f.event_time) FROM fills f WHERE f.symbol = s.symbol) AS last_fill FROM unnest($1::text[]) AS s (symbol)
), given AS (
    SELECT q.symbol, q.event_time, q.bid, q.ask, q.run IS NULL OR q.run <> ALL($2::text[]) AS live
    FROM stage_quotes q JOIN ends e ON e.symbol = q.symbol AND q.event_time <= e.last_fill
    UNION ALL
    SELECT symbol, event_time, bid, ask, false FROM quote_heads WHERE symbol = ANY($1::text[]) AND event_time IS NOT NULL
    UNION ALL
    SELECT q.symbol, min(q.event_time), NULL, NULL, false
    FROM stage_quotes q JOIN ends e ON e.symbol = q.symbol AND q.event_time > e.last_fill GROUP BY q.symbol
), lasting AS (
    SELECT *, lead(event_time) OVER (PARTITION BY symbol ORDER BY event_time, bid, ask) AS until FROM given
), priced AS (
    SELECT q.*, f.trade_id FROM lasting q CROSS JOIN LATERAL (
        SELECT f.trade_id FROM fills f
        WHERE q.bid IS NOT NULL AND f.symbol = q.symbol AND f.event_time >= q.event_time AND {_BETTER}
          AND (f.event_time < q.until OR (q.until IS NULL AND (q.live OR f.event_time = q.event_time)))
        OFFSET 0
    ) f
)
UPDATE fills f SET quote_time = q.event_time, bid = q.bid, ask = q.ask, revision = f.revision + 1
FROM priced q WHERE f.trade_id = ANY(ARRAY(SELECT trade_id FROM priced)) AND f.trade_id = q.trade_id AND f.symbol = q.symbol AND {_BETTER}
RETURNING f.trade_id, f.order_id
"""
_MOVE = """
UPDATE quote_heads h SET event_time = s.event_time, bid = s.bid, ask = s.ask
FROM unnest($1::text[]) AS u (symbol) CROSS JOIN LATERAL (
    SELECT * FROM quotes q WHERE q.symbol = u.symbol ORDER BY q.event_time DESC, q.bid DESC, q.ask DESC LIMIT 1
) s
WHERE h.symbol = s.symbol AND (h.event_time IS NULL OR (h.event_time, h.bid, h.ask) < (s.event_time, s.bid, s.ask))
"""
_LAST = f"""
UPDATE fills f SET quote_time = q.event_time, bid = q.bid, ask = q.ask, revision = f.revision + 1
FROM quote_heads q WHERE q.symbol = ANY($1::text[]) AND f.symbol = q.symbol AND f.event_time > q.event_time AND {_BETTER}
RETURNING f.trade_id, f.order_id
"""
Touched = list[tuple[str, str]]  # trade_id, order_id


async def lock(connection: Connection, symbols: Sequence[str]) -> None:
    """Whoever prices a symbol waits for whoever does."""
    await connection.execute(_HEADS, symbols)
    await connection.execute(_LOCK, symbols)


async def store(connection: Connection) -> list[tuple[str | None, object, int]]:
    """Stores the staged quotes; returns how many were new, by run and hour."""
    return [(row["run"], row["hour"], row["n"]) for row in await connection.fetch(_INSERT)]


async def reprice(connection: Connection, symbols: Sequence[str], unfinished: Collection[str]) -> Touched:
    """Prices the stored fills for which a staged quote is a better one."""
    touched = [tuple(row) for row in await connection.fetch(_REPRICE, symbols, sorted(unfinished))]
    await connection.execute(_MOVE, symbols)
    return touched


async def price_last(connection: Connection, symbols: Sequence[str]) -> Touched:
    """Prices the fills beyond their symbols' newest quotes, now that none is expected."""
    return [tuple(row) for row in await connection.fetch(_LAST, symbols)]
