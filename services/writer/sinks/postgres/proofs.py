"""What the stored events come to, computed anew in SQL and held against what is stored. Reads one snapshot; changes nothing.

Each statement gives the rows that do not balance, a few at most, each as the text that names it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

from services.writer.sinks.postgres.connection import Connection, quiet
from shared.aggregations import minutes
from shared.trading.versions import VOID

MOST = 20
MINUTES_MEMORY = "256MB"


class Proof(NamedTuple):
    """A statement of one parameter, the time from which on it looks, that returns (what, said) of each fault."""

    name: str
    sql: str


_PRICE = "CASE kind WHEN 'quote' THEN (bid + ask) * 0.5 ELSE price END"
# What was dropped with its day cannot be folded anew: its candles stay as they were last proved.
_EXPIRED = "SELECT day FROM expired_days WHERE of = 'ticks'"
_EXPIRED_QUOTES = "SELECT day FROM expired_days WHERE of = 'quotes'"
# Records are compared field by field, so that open and close come from the extremes by (event_time, sequence, id).
CANDLES = f"""
WITH folded AS (
    SELECT source, symbol, kind, date_trunc('minute', event_time) AS start, count(*) AS ticks, count(*) FILTER (WHERE late) AS late,
           max(p) AS high, min(p) AS low, sum(size) AS volume, sum(price * size) AS quote_volume,
           sum(size) FILTER (WHERE side = 'buy') AS buys, sum(size) FILTER (WHERE side = 'sell') AS sells,
           min(ROW(event_time, sequence, id, p)) AS first, max(ROW(event_time, sequence, id, p)) AS last
    FROM (SELECT *, {_PRICE} AS p FROM ticks WHERE day >= ($1::timestamptz)::date AND kind <> 'bar' AND day NOT IN ({_EXPIRED})) t
    GROUP BY 1, 2, 3, 4
)
SELECT format('candle %s %s %s %s', source, symbol, kind, to_char(start, 'YYYY-MM-DD"T"HH24:MI"Z"')),
       CASE WHEN said IS NULL THEN format('%s ticks are stored, and no candle', ticks)
            WHEN ticks IS NULL THEN format('it has %s ticks, and none is stored', said)
            WHEN ticks <> said THEN format('it has %s ticks, %s are stored', said, ticks)
            ELSE 'its values are not those of its ticks' END
       || coalesce((SELECT '; look at ' || string_agg(format('market.raw.v1/%s [%s, %s]', raw_partition, low, high), ', ') FROM (
            SELECT raw_partition, min(raw_offset) AS low, max(raw_offset) AS high FROM ticks t
            WHERE t.source = x.source AND t.symbol = x.symbol AND t.kind = x.kind
              AND t.event_time >= x.start AND t.event_time < x.start + interval '1 minute' GROUP BY 1) o), '')
FROM (SELECT source, symbol, kind, start, f.ticks, c.tick_count AS said FROM folded f
      FULL JOIN (SELECT * FROM candles WHERE start >= ($1::timestamptz)::date AND kind <> 'bar' AND start::date NOT IN ({_EXPIRED})) c
      USING (source, symbol, kind, start)
      WHERE (f.ticks, f.late, f.high, f.low) IS DISTINCT FROM (c.tick_count, c.late_count, c.high, c.low)
         OR (kind = 'trade' AND (f.volume, f.quote_volume, coalesce(f.buys, 0), coalesce(f.sells, 0)) IS DISTINCT FROM
                                (c.volume, c.quote_volume, c.buy_volume, c.sell_volume))
         OR f.first IS DISTINCT FROM ROW(c.first_time, c.first_sequence, c.first_id, c.open)
         OR f.last IS DISTINCT FROM ROW(c.last_time, c.last_sequence, c.last_id, c.close)
      ORDER BY start, source, symbol, kind LIMIT {MOST}) x
"""
BARS = f"""
SELECT format('candle %s %s bar %s', source, symbol, to_char(start, 'YYYY-MM-DD"T"HH24:MI"Z"')),
       CASE WHEN b.id IS NULL THEN 'its bar is not stored' WHEN c.kind IS NULL THEN 'the bar is stored, and no candle'
            ELSE format('its values are not those of its bar; look at market.raw.v1/%s [%s]', b.raw_partition, b.raw_offset) END
FROM (SELECT * FROM bars WHERE start >= ($1::timestamptz)::date) b
FULL JOIN (SELECT * FROM candles WHERE start >= ($1::timestamptz)::date AND kind = 'bar') c USING (source, symbol, start)
WHERE (b.open, b.high, b.low, b.close, b.volume, b.trade_count) IS DISTINCT FROM (c.open, c.high, c.low, c.close, c.volume, c.trade_count)
ORDER BY start, source, symbol LIMIT {MOST}
"""
# A bar that was said again for another day's sake is newer than its own day's row, which holds until somebody asks for that day.
DAYS = f"""
SELECT format('day %s %s %s', d.source, d.symbol, d.day),
       CASE WHEN b.id IS NULL THEN 'its bar is not stored'
            ELSE format('its values are not those of its bar; look at market.raw.v1/%s [%s]', b.raw_partition, b.raw_offset) END
FROM daily d LEFT JOIN bars b
  ON b.source = d.source AND b.symbol = d.symbol AND b.start > d.day - 1 AND b.start < d.day + 2
 AND (b.start AT TIME ZONE 'America/New_York')::date = d.day
WHERE d.day >= ($1::timestamptz)::date AND (b.id IS NULL OR b.received_at <= d.received_at
  AND (d.open, d.high, d.low, d.close, d.volume, d.vwap, d.trade_count, d.adjusted, d.received_at) IS DISTINCT FROM
      (b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trade_count, b.adjusted, b.received_at))
ORDER BY d.day, d.source, d.symbol LIMIT {MOST}
"""
_BOUNDS = f"'{{{','.join(map(str, minutes.BOUNDS))}}}'"
# The bucket is looked for among floats, eight times as fast. They keep the order of numbers, and bounds lie far apart: the bucket found is
# the right one or, where a latency becomes equal to the bound above it, the next.
MINUTES = f"""
WITH bounds AS MATERIALIZED (SELECT n::integer, low FROM unnest({_BOUNDS}::numeric[]) WITH ORDINALITY AS u (low, n)),
counted AS (
    SELECT service, date_trunc('minute', event_time) AS start,
           CASE WHEN latency_ms IS NOT NULL THEN coalesce(n - (latency_ms < low)::integer, 0) END AS bucket, count(*) AS requests,
           sum(latency_ms) AS latency_sum, count(status_code) AS statuses,
           count(*) FILTER (WHERE status_code NOT BETWEEN 200 AND 299) AS errors, count(*) FILTER (WHERE late) AS late
    FROM service_events LEFT JOIN bounds ON n = width_bucket(latency_ms::float8, {_BOUNDS}::float8[])
    WHERE event_time >= ($1::timestamptz)::date GROUP BY 1, 2, 3
), folded AS (
    SELECT service, start, sum(requests) AS requests, coalesce(sum(requests) FILTER (WHERE bucket IS NOT NULL), 0) AS latencies,
           coalesce(sum(latency_sum), 0) AS latency_sum, sum(statuses) AS statuses, sum(errors) AS errors, sum(late) AS late,
           coalesce(array_agg(bucket ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL), '{{}}') AS buckets,
           coalesce(array_agg(requests ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL), '{{}}') AS counts
    FROM counted GROUP BY 1, 2
)
SELECT format('minute %s %s', service, to_char(start, 'YYYY-MM-DD"T"HH24:MI"Z"')),
       format('it has %s events, %s are stored, or its values are not theirs', coalesce(m.request_count, 0), coalesce(f.requests, 0))
FROM folded f FULL JOIN (SELECT * FROM minutes WHERE start >= ($1::timestamptz)::date) m USING (service, start)
WHERE (f.requests, f.latencies, f.latency_sum, f.statuses, f.errors, f.late, f.buckets, f.counts) IS DISTINCT FROM
      (m.request_count, m.latency_count, m.latency_sum, m.status_count, m.error_count, m.late_count, m.buckets, m.counts)
ORDER BY start, service LIMIT {MOST}
"""
FILLS = f"""
SELECT format('fill %s', f.trade_id), format('it is priced at %s / %s, its quote is %s / %s; look at trading.raw.v1/%s [%s]',
              f.bid, f.ask, q.bid, q.ask, f.raw_partition, f.raw_offset)
FROM fills f LEFT JOIN LATERAL (
    SELECT q.event_time, q.bid, q.ask FROM quotes q WHERE q.symbol = f.symbol AND q.event_time <= f.event_time
    ORDER BY q.event_time DESC, q.bid DESC, q.ask DESC LIMIT 1
) q ON true
WHERE f.event_time >= $1::timestamptz AND (f.quote_time, f.bid, f.ask) IS DISTINCT FROM (q.event_time, q.bid, q.ask)
  AND NOT EXISTS (SELECT FROM trading_runs r WHERE r.symbol = f.symbol)
  AND f.event_time::date NOT IN ({_EXPIRED_QUOTES}) AND coalesce(f.quote_time, f.event_time)::date NOT IN ({_EXPIRED_QUOTES})
ORDER BY f.trade_id LIMIT {MOST}
"""
ORDERS = f"""
SELECT format('order %s', o.order_id),
       format('it says %s filled in %s, its fills are %s in %s', o.filled_qty, o.fill_count, s.filled, s.fills)
FROM orders o JOIN LATERAL (
    SELECT coalesce(sum(f.quantity), 0) AS filled, coalesce(sum(f.price * f.quantity), 0) AS notional,
           coalesce(sum(f.pi_dollars), 0) AS improved, count(*) AS fills, count(*) FILTER (WHERE f.bid IS NULL) AS unpriced,
           count(*) FILTER (WHERE (f.symbol, f.side) <> (o.symbol, o.side)) AS mismatched
    FROM fills f WHERE f.order_id = o.order_id AND f.action < {VOID}
) s ON true
WHERE (o.event_time IS NULL OR o.event_time >= $1::timestamptz)
  AND (o.filled_qty, o.notional, o.total_pi_dollars, o.fill_count, o.unpriced, o.mismatched) IS DISTINCT FROM
      (s.filled, s.notional, s.improved, s.fills, s.unpriced, s.mismatched)
ORDER BY o.order_id LIMIT {MOST}
"""
# A row that took another's place keeps its own receive time: only the totals of a source must agree. The hours say where to look.
ROWS = f"""
WITH counted AS (
    SELECT source, date_trunc('hour', received_at) AS hour, count(*) AS n FROM ticks GROUP BY 1, 2
    UNION ALL SELECT source, date_trunc('hour', received_at), count(*) FROM bars GROUP BY 1, 2
    UNION ALL SELECT source, date_trunc('hour', received_at), count(*) FROM market_info GROUP BY 1, 2
    UNION ALL SELECT service, date_trunc('hour', received_at), count(*) FROM service_events GROUP BY 1, 2
    UNION ALL SELECT 'nbbo', date_trunc('hour', received_at), count(*) FROM quotes GROUP BY 2
), both_sides AS (
    SELECT source, hour, sum(n) AS n, sum(stored) AS stored FROM (
        SELECT source, hour, n, 0 AS stored FROM counted
        UNION ALL SELECT source, hour, 0, stored - expired FROM ledger WHERE source NOT IN ('orders', 'trades')
    ) u GROUP BY 1, 2
)
SELECT format('rows of %s', source), format('the ledger has %s stored, %s rows are there', sum(stored), sum(n))
       || coalesce('; look at the hours ' || string_agg(to_char(hour, 'YYYY-MM-DD"T"HH24"Z"'), ', ' ORDER BY hour)
                   FILTER (WHERE n <> stored), '')
FROM both_sides WHERE $1::timestamptz IS NOT NULL GROUP BY source HAVING sum(n) <> sum(stored) ORDER BY source LIMIT {MOST}
"""
LEDGER = f"""
WITH sides AS (
    SELECT source, run, sum(received) AS received, 0::numeric AS kept, 0::numeric AS rejected FROM tallies GROUP BY 1, 2
    UNION ALL SELECT source, run, sum(count), 0, 0 FROM dead_letters WHERE origin NOT LIKE '%.raw.v1/%' GROUP BY 1, 2
    UNION ALL SELECT source, run, 0, sum(stored + duplicate), sum(rejected) FROM ledger GROUP BY 1, 2
)
SELECT format('ledger of %s%s', source, CASE WHEN run = '' THEN '' ELSE ' ' || run END),
       format('received %s, stored and duplicate %s, rejected %s', sum(received), sum(kept), sum(rejected))
FROM sides WHERE $1::timestamptz IS NOT NULL
GROUP BY source, run HAVING sum(received) <> sum(kept) + sum(rejected) ORDER BY source, run LIMIT {MOST}
"""
LETTERS = f"""
SELECT format('dead letters of %s', source), format('the ledger has %s rejected, %s are kept', sum(rejected), sum(kept)) FROM (
    SELECT source, sum(rejected) AS rejected, 0 AS kept FROM ledger GROUP BY 1
    UNION ALL SELECT source, 0, sum(count) FROM dead_letters GROUP BY 1
) u WHERE $1::timestamptz IS NOT NULL GROUP BY source HAVING sum(rejected) <> sum(kept) ORDER BY source LIMIT {MOST}
"""
GAPS = f"""
SELECT format('%s/%s', topic, partition), format('%s found [%s, %s) gone before it had read it', stage, first_lost, next_kept)
FROM log_gaps WHERE noticed_at >= $1::timestamptz ORDER BY noticed_at LIMIT {MOST}
"""
PROOFS = (
    Proof("rows", ROWS),
    Proof("ledger", LEDGER),
    Proof("letters", LETTERS),
    Proof("gaps", GAPS),
    Proof("candles", CANDLES),
    Proof("bars", BARS),
    Proof("days", DAYS),
    Proof("minutes", MINUTES),
    Proof("fills", FILLS),
    Proof("orders", ORDERS),
)
OF_FLOW = frozenset({"ledger", "letters"})  # hold only where nothing is on its way
_POSITIONS = "SELECT topic, partition, next_offset FROM offsets WHERE cluster = $1 AND consumer = $2"
_TALLIED = "SELECT topic, partition, max(upto) FROM tallies WHERE cluster = $1 GROUP BY 1, 2"
_SIZES = "SELECT (SELECT count(*) FROM ticks), (SELECT count(*) FROM candles), (SELECT count(*) FROM outbox)"


@asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[None]:
    """One state of the store for all proofs."""
    with quiet():
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"SET LOCAL work_mem = '{MINUTES_MEMORY}'")
            await connection.execute("SET LOCAL statement_timeout = 0")
            yield


async def faults(connection: Connection, proof: Proof, since: datetime, seconds: float) -> list[tuple[str, str]]:
    """What does not balance."""
    return [tuple(row) for row in await connection.fetch(proof.sql, since, timeout=seconds)]


async def positions(connection: Connection, cluster: str, consumer: str) -> dict[tuple[str, int], int]:
    """How far the store is in each partition."""
    return {(row[0], row[1]): row[2] for row in await connection.fetch(_POSITIONS, cluster, consumer)}


async def sizes(connection: Connection) -> tuple[int, int, int]:
    """How many ticks, candles and waiting outbox rows there are."""
    found = (await connection.fetch(_SIZES))[0]
    return found[0], found[1], found[2]
