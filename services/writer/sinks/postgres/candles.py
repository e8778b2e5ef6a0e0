"""Candles merged where the ticks are stored: the SQL below is `shared.aggregations.candles.merge`, value for value."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from services.writer.sinks.postgres.connection import Connection
from shared.aggregations.candles import Key
from shared.events import Candle
from shared.time import MINUTE, from_datetime, to_datetime

_FIRST = "(excluded.first_time, excluded.first_sequence, excluded.first_id) < (c.first_time, c.first_sequence, c.first_id)"
_LAST = "(excluded.last_time, excluded.last_sequence, excluded.last_id) > (c.last_time, c.last_sequence, c.last_id)"
_COLUMNS = (
    "source symbol kind start open high low close volume quote_volume buy_volume sell_volume trade_count tick_count late_count "
    "first_time first_sequence first_id last_time last_sequence last_id live is_closed"
).split()
_TYPES = ["text"] * 3 + ["timestamptz"] + ["numeric"] * 8 + ["bigint"] * 3 + ["timestamptz", "bigint", "text"] * 2 + ["text", "bool"]
_SOURCE_ROWS = f"unnest({', '.join(f'${i}::{kind}[]' for i, kind in enumerate(_TYPES, 1))})"
MERGE = f"""
INSERT INTO candles AS c ({", ".join(_COLUMNS)}) SELECT * FROM {_SOURCE_ROWS} AS u ({", ".join(_COLUMNS)})
ON CONFLICT (source, symbol, kind, start) DO UPDATE SET
    open = CASE WHEN {_FIRST} THEN excluded.open ELSE c.open END,
    high = greatest(c.high, excluded.high),
    low = least(c.low, excluded.low),
    close = CASE WHEN {_LAST} THEN excluded.close ELSE c.close END,
    volume = c.volume + excluded.volume,
    quote_volume = c.quote_volume + excluded.quote_volume,
    buy_volume = c.buy_volume + excluded.buy_volume,
    sell_volume = c.sell_volume + excluded.sell_volume,
    trade_count = c.trade_count + excluded.trade_count,
    tick_count = c.tick_count + excluded.tick_count,
    late_count = c.late_count + excluded.late_count,
    first_time = CASE WHEN {_FIRST} THEN excluded.first_time ELSE c.first_time END,
    first_sequence = CASE WHEN {_FIRST} THEN excluded.first_sequence ELSE c.first_sequence END,
    first_id = CASE WHEN {_FIRST} THEN excluded.first_id ELSE c.first_id END,
    last_time = CASE WHEN {_LAST} THEN excluded.last_time ELSE c.last_time END,
    last_sequence = CASE WHEN {_LAST} THEN excluded.last_sequence ELSE c.last_sequence END,
    last_id = CASE WHEN {_LAST} THEN excluded.last_id ELSE c.last_id END,
    live = coalesce(c.live, excluded.live)
"""
# Which of the merged windows the stream no longer has: it gave them up, and the store closed them.
_ENDED = """
WITH put AS ({} RETURNING c.source, c.symbol, c.kind, c.start, c.live)
SELECT source, symbol, kind, start FROM put WHERE live = 'closed'
"""
# A refold replaces the values and leaves what closes the candle alone.
_REFOLD = f"""
INSERT INTO candles AS c ({", ".join(_COLUMNS)}) SELECT * FROM {_SOURCE_ROWS} AS u ({", ".join(_COLUMNS)})
ON CONFLICT (source, symbol, kind, start) DO UPDATE SET
    ({", ".join(_COLUMNS[4:21])}) = ({", ".join("excluded." + name for name in _COLUMNS[4:21])}), live = coalesce(c.live, excluded.live)
"""
_KEYS = "unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS k (source, symbol, kind, start)"
_HOLD = f"""
INSERT INTO candle_runs (run, source, symbol, kind, start)
SELECT $5, k.* FROM {_KEYS} ORDER BY 2, 3, 4, 5 ON CONFLICT DO NOTHING
"""
_RELEASE = """
DELETE FROM candle_runs WHERE ctid = ANY(ARRAY(SELECT ctid FROM candle_runs WHERE run = $1 LIMIT $2)) RETURNING source, symbol, kind, start
"""
# A candle is closed when no live window on it is open and no unfinished run has touched it.
_RECLOSE = f"""
UPDATE candles c SET is_closed = NOT c.is_closed
FROM {_KEYS} WHERE (c.source, c.symbol, c.kind, c.start) = (k.source, k.symbol, k.kind, k.start)
  AND c.is_closed = (c.live IS NOT DISTINCT FROM 'open' OR EXISTS (
    SELECT FROM candle_runs r WHERE (r.source, r.symbol, r.kind, r.start) = (c.source, c.symbol, c.kind, c.start)))
"""
_CLOSE_LIVE = f"""
UPDATE candles c SET live = 'closed' FROM {_KEYS} WHERE (c.source, c.symbol, c.kind, c.start) = (k.source, k.symbol, k.kind, k.start)
"""
_DELETE = f"DELETE FROM candles c USING {_KEYS} WHERE (c.source, c.symbol, c.kind, c.start) = (k.source, k.symbol, k.kind, k.start)"
_READ = f"""
SELECT c.* FROM candles c JOIN {_KEYS} ON (c.source, c.symbol, c.kind, c.start) = (k.source, k.symbol, k.kind, k.start)
ORDER BY c.source, c.symbol, c.kind, c.start
"""


_LOCK = f"""
SELECT FROM candles c JOIN {_KEYS} ON (c.source, c.symbol, c.kind, c.start) = (k.source, k.symbol, k.kind, k.start)
ORDER BY c.source, c.symbol, c.kind, c.start FOR UPDATE OF c
"""


async def merge(connection: Connection, partials: Iterable[Candle], live: set[Key]) -> set[Key]:
    """Merges partials of distinct new ticks, sorted by key; `live` are those a live source touched on time. Closing is `reclose`'s.

    Returns those of `live` that the stream had given up before: it does not publish what is new in them.
    """
    rows = [_row(partial, "open" if key(partial) in live else None) for partial in sorted(partials, key=key)]
    return _keys(await connection.fetch(_ENDED.format(MERGE), *_columns(rows))) & live


async def refold(connection: Connection, keys: Iterable[Key], folded: Mapping[Key, Candle], live: set[Key]) -> set[Key]:
    """Replaces the values of candles in which a fact was replaced; one that has lost its last tick goes. Returns what `merge` does."""
    if emptied := [window for window in keys if window not in folded]:
        await connection.execute(_DELETE, *_key_columns(emptied))
    if not folded:
        return set()
    rows = [_row(candle, "open" if window in live else None) for window, candle in sorted(folded.items())]
    return _keys(await connection.fetch(_ENDED.format(_REFOLD), *_columns(rows))) & live


async def hold(connection: Connection, run: str, keys: Iterable[Key]) -> None:
    """An unfinished run has touched these candles."""
    await connection.execute(_HOLD, *_key_columns(keys), run)


async def release(connection: Connection, run: str, most: int) -> list[Key]:
    """Some of the candles that a run, which has ended, no longer holds open; all of them when they are fewer than `most`."""
    return sorted(_keys(await connection.fetch(_RELEASE, run, most)))


async def lock(connection: Connection, keys: Iterable[Key]) -> None:
    """Waits for other transactions that change the candles: what is read of them afterwards is the newest until this one ends."""
    await connection.execute(_LOCK, *_key_columns(keys))


async def reclose(connection: Connection, keys: Iterable[Key]) -> None:
    """Settles whether the candles are closed."""
    await connection.execute(_RECLOSE, *_key_columns(keys))


async def close_live(connection: Connection, keys: Iterable[Key]) -> None:
    """The live windows on these candles have ended."""
    await connection.execute(_CLOSE_LIVE, *_key_columns(keys))


async def read(connection: Connection, keys: Iterable[Key]) -> list[Candle]:
    """The stored candles, in key order, marked as the store's own."""
    return [candle(found) for found in await connection.fetch(_READ, *_key_columns(keys))]


def key(candle: Candle) -> Key:
    """The identity of a candle."""
    return candle.source, candle.symbol, candle.kind, candle.start


def candle(found: asyncpg.Record) -> Candle:
    """A row of `candles`."""
    first = (from_datetime(found["first_time"]), found["first_sequence"], found["first_id"])
    last = (from_datetime(found["last_time"]), found["last_sequence"], found["last_id"])
    known: dict[str, Any] = {name: found[name] for name in ("source", "symbol", "kind", *_COLUMNS[4:15], "is_closed")}
    return Candle(interval=MINUTE, start=from_datetime(found["start"]), first=first, last=last, from_store=True, **known)


def _keys(rows: Iterable[asyncpg.Record]) -> set[Key]:
    return {(row["source"], row["symbol"], row["kind"], from_datetime(row["start"])) for row in rows}


def _row(c: Candle, live: str | None) -> tuple[Any, ...]:
    prices = (c.open, c.high, c.low, c.close, c.volume, c.quote_volume, c.buy_volume, c.sell_volume)
    extremes = (to_datetime(c.first[0]), *c.first[1:], to_datetime(c.last[0]), *c.last[1:])
    return (c.source, c.symbol, c.kind, to_datetime(c.start), *prices, c.trade_count, c.tick_count, c.late_count, *extremes, live, False)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _key_columns(keys: Iterable[Key]) -> list[list[Any]]:
    ordered = sorted(keys)
    return [[k[0] for k in ordered], [k[1] for k in ordered], [k[2] for k in ordered], [to_datetime(k[3]) for k in ordered]]
