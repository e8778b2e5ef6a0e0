"""Quotes, and the fills that they price: a fill's quote is the greatest (event_time, bid, ask) of its symbol at or before its time.

Invariant: a stored fill not later than its symbol's newest quote has its quote; a later one may wait for it until a quote passes it or
the run ends, so that executions stored before their quotes are each priced once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from services.writer.sinks.postgres import copying
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pricing import Quoted, Series
from services.writer.sinks.postgres.trading_rows import QUOTES, Staged, quoted
from shared.events import Nbbo
from shared.time import from_datetime, to_datetime

_COLUMNS = ", ".join(QUOTES)
_HEADS = "INSERT INTO quote_heads (symbol) SELECT s FROM unnest($1::text[]) AS u (s) ORDER BY s ON CONFLICT DO NOTHING"
_LOCK = "SELECT symbol, event_time, bid, ask FROM quote_heads WHERE symbol = ANY($1::text[]) ORDER BY symbol FOR UPDATE"
_INSERT = f"""
WITH added AS (
    INSERT INTO quotes ({_COLUMNS}) SELECT {_COLUMNS} FROM stage_quotes ORDER BY symbol, event_time ON CONFLICT DO NOTHING
    RETURNING run, received_at
)
SELECT run, date_trunc('hour', received_at) AS hour, count(*) AS n FROM added GROUP BY 1, 2
"""
_BETTER = "(f.quote_time IS NULL OR (f.quote_time, f.bid, f.ask) < (q.event_time, q.bid, q.ask))"
_LAST_FILLS = """
SELECT s.symbol, f.event_time FROM unnest($1::text[]) AS s (symbol)
CROSS JOIN LATERAL (SELECT event_time FROM fills f WHERE f.symbol = s.symbol ORDER BY event_time DESC LIMIT 1) f
"""
# The new quotes and the newest of before hold from their time to the next one's; nothing else can have become a fill's quote. The array
# makes the fills be found by their key however many there are: a join of the two alone may be made by reading all. Each quote
# has an end, so that the index is read up to there and not up to the symbol's last fill.
_REPRICE = f"""
WITH given AS (
    SELECT *
    FROM unnest($2::text[], $3::timestamptz[], $4::numeric[], $5::numeric[], $6::boolean[]) AS u (symbol, event_time, bid, ask, live)
    UNION ALL
    SELECT symbol, event_time, bid, ask, false FROM quote_heads WHERE symbol = ANY($1::text[]) AND event_time IS NOT NULL
), lasting AS (
    SELECT *, coalesce(
        lead(event_time) OVER (PARTITION BY symbol ORDER BY event_time, bid, ask),
        CASE WHEN live THEN 'infinity' ELSE event_time + interval '1 microsecond' END
    ) AS until FROM given
), priced AS (
    SELECT q.*, f.trade_id FROM lasting q CROSS JOIN LATERAL (
        SELECT f.trade_id FROM fills f
        WHERE q.bid IS NOT NULL AND f.symbol = q.symbol AND f.event_time >= q.event_time AND f.event_time < q.until AND {_BETTER}
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
Lasting = tuple[str, datetime, Decimal | None, Decimal | None, bool]  # symbol, event time, bid, ask, whether no later quote is expected


async def lock(connection: Connection, symbols: Sequence[str]) -> dict[str, Quoted | None]:
    """Whoever prices a symbol waits for whoever does; returns the newest quote of each."""
    await connection.execute(_HEADS, symbols)
    found = await connection.fetch(_LOCK, symbols)
    return {
        symbol: None if at is None else (from_datetime(at), bid, ask, quoted(from_datetime(at), bid, ask)) for symbol, at, bid, ask in found
    }


async def copy(connection: Connection, rows: Iterable[bytes]) -> bool:
    """Stores quotes that are all new; False, with nothing stored, if one is known."""
    return await copying.copy_new(connection, "quotes", QUOTES, rows)


async def merge(connection: Connection) -> list[tuple[str | None, object, int]]:
    """Stores those of the staged quotes that are new; returns how many they are, by run and hour."""
    return [(row["run"], row["hour"], row["n"]) for row in await connection.fetch(_INSERT)]


async def reprice(connection: Connection, staged: Staged, unfinished: Collection[str]) -> Touched:
    """Prices the stored fills for which a given quote, stored by now, is a better one."""
    last = {symbol: from_datetime(at) for symbol, at in await connection.fetch(_LAST_FILLS, staged.symbols)}
    touched: Touched = []
    if last:
        rows = pricing(staged.quotes, staged.series, last, unfinished)
        columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], [], []]
        touched = [tuple(row) for row in await connection.fetch(_REPRICE, staged.symbols, *columns)]
    await connection.execute(_MOVE, staged.symbols)
    return touched


def pricing(given: Iterable[Nbbo], known: Mapping[str, Series], last: Mapping[str, int], unfinished: Collection[str]) -> list[Lasting]:
    """The quotes that are not after the last fill of their symbol, and when the first one after it comes, which ends what was before it."""
    both = sorted(last.keys() & known.keys())
    ends = [(symbol, known[symbol].after(last[symbol])) for symbol in both]
    found: list[Lasting] = [(symbol, to_datetime(at), None, None, False) for symbol, at in ends if at is not None]
    if any(known[symbol].first <= last[symbol] for symbol in both):
        found += [
            (quote.symbol, to_datetime(quote.event_time), quote.bid, quote.ask, quote.run is None or quote.run not in unfinished)
            for quote in given
            if quote.event_time <= last.get(quote.symbol, -1)
        ]
    return found


async def price_last(connection: Connection, symbols: Sequence[str]) -> Touched:
    """Prices the fills beyond their symbols' newest quotes, now that none is expected."""
    return [tuple(row) for row in await connection.fetch(_LAST, symbols)]
