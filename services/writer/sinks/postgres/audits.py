"""Whether the store agrees with itself: what the ledger accounts for, and whether candles count the rows that are there.

Each question is one statement, so it sees one moment: a candle and its ticks are written in one transaction, and must agree in every one.
"""

from collections.abc import Collection, Mapping
from typing import get_args

from services.writer.sinks.postgres.connection import Connection
from shared.aggregations.candles import Key
from shared.events import FlagName
from shared.time import from_datetime, to_datetime

# Tallies and ledger are settled some minutes after an hour's end; a day back is as far as anybody looks at a gauge.
_IMBALANCE = """
WITH span AS (SELECT date_trunc('hour', now() - interval '5 minutes') - interval '24 hours' AS first,
                     date_trunc('hour', now() - interval '5 minutes') AS last),
received AS (SELECT source, sum(n) AS n FROM (
    SELECT source, received AS n FROM tallies, span WHERE run = '' AND hour >= first AND hour < last
    UNION ALL SELECT source, 1 FROM dead_letters, span
    WHERE origin NOT LIKE '%.raw.v1/%' AND run = '' AND received_at >= first AND received_at < last) r GROUP BY source),
accounted AS (SELECT source, sum(stored + duplicate + rejected) AS n FROM ledger, span
              WHERE run = '' AND hour >= first AND hour < last GROUP BY source)
SELECT source, coalesce(r.n, 0) - coalesce(a.n, 0)
FROM (SELECT source FROM ledger WHERE run = '' UNION SELECT source FROM received) s LEFT JOIN received r USING (source)
LEFT JOIN accounted a USING (source)
"""
_COUNTED = """
SELECT c.source, c.symbol, c.kind, c.start, c.tick_count - CASE c.kind WHEN 'bar' THEN (
    SELECT count(*) FROM bars b WHERE b.source = c.source AND b.symbol = c.symbol AND b.start = c.start)
    ELSE (SELECT count(*) FROM ticks t
    WHERE t.symbol = c.symbol AND t.source = c.source AND t.kind = c.kind
      AND t.event_time >= c.start AND t.event_time < c.start + interval '1 minute') END
FROM {candles}
"""
_NEWEST = _COUNTED.format(candles="(SELECT * FROM candles WHERE start >= now() - interval '10 minutes' ORDER BY start DESC LIMIT $1) c")
_THESE = _COUNTED.format(
    candles="unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS u (source, symbol, kind, start) "
    "JOIN candles c USING (source, symbol, kind, start)"
)
_STANDING = """
SELECT n.flag, n.source, count(f.start)
FROM (SELECT u.flag, s.source FROM sources s CROSS JOIN unnest($1::text[]) AS u (flag)
      UNION SELECT flag, source FROM flags WHERE "end" IS NULL) n
LEFT JOIN flags f ON f.flag = n.flag AND f.source = n.source AND f."end" IS NULL
GROUP BY n.flag, n.source
"""
_SIZE = "SELECT pg_database_size(current_database())"


async def imbalance(connection: Connection) -> dict[str, int]:
    """By live source: values received less those stored, doubled or rejected, over the complete hours of the last day."""
    return {source: int(difference) for source, difference in await connection.fetch(_IMBALANCE)}


async def astray(connection: Connection, most: int, again: Collection[Key]) -> tuple[dict[Key, int], set[str]]:
    """Windows whose candle counts other than its rows, among the newest and those asked for again; and the sources looked at."""
    rows = await connection.fetch(_NEWEST, most)
    if again:
        columns = [list(column) for column in zip(*((s, y, k, to_datetime(at)) for s, y, k, at in sorted(again)), strict=True)]
        rows += await connection.fetch(_THESE, *columns)
    differing = {(source, symbol, kind, from_datetime(start)): int(by) for source, symbol, kind, start, by in rows if by}
    return differing, {row[0] for row in rows}


async def standing(connection: Connection) -> dict[tuple[str, str], int]:
    """By flag and source, how many doubts have not ended; nought for each live source without any."""
    found = await connection.fetch(_STANDING, list(get_args(FlagName)))
    return {(flag, source): int(count) for flag, source, count in found}


async def size(connection: Connection) -> int:
    """The database's bytes."""
    return int(await connection.fetchval(_SIZE))


def by_source(differing: Mapping[Key, int], sources: Collection[str]) -> dict[str, int]:
    """Rows astray of each source, both ways added up."""
    found = dict.fromkeys(sources, 0)
    for (source, *_), by in differing.items():
        found[source] = found.get(source, 0) + abs(by)
    return found
