"""All SQL of the api, with `queries_trading`: one statement a question, each bounded, each served by an index that is named for it.

Text columns are `COLLATE "C"`, so the store orders as Python does. Times go in and out as integer microseconds.
"""

SYMBOLS = """
SELECT symbol, source, kind, native_symbol, event_time FROM latest
WHERE (symbol, source, kind) > ($1, $2, $3) ORDER BY symbol, source, kind LIMIT $4"""

LATEST = """
SELECT DISTINCT ON (source, symbol)
       source, symbol, kind, native_symbol, event_time, received_at, sequence, id, price, size, bid, ask
FROM latest
WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR symbol = $2) AND ($3::text IS NULL OR kind = $3)
  AND (source, symbol) > ($4, $5)
ORDER BY source, symbol, event_time DESC, sequence DESC, id DESC, kind LIMIT $6"""

STANDING = """SELECT source, symbol, kind, flag FROM flags WHERE "end" IS NULL ORDER BY source, symbol, kind, flag"""

_FLAGS = """
SELECT source, symbol, kind, flag, start, since, "end", ticks, price, reference,
       epoch, raw_partition, first_offset, first_index, last_epoch, last_offset, last_index
FROM flags
WHERE {symbol} AND ($2::text IS NULL OR source = $2) AND ($3::text IS NULL OR flag = $3) AND {standing} AND start >= $4 AND start < $5
  AND (start, source, symbol, kind, flag, epoch, raw_partition, first_offset, first_index) < ($6, $7, $8, $9, $10, $11, $12, $13, $14)
ORDER BY start DESC, source DESC, symbol DESC, kind DESC, flag DESC, epoch DESC, raw_partition DESC, first_offset DESC, first_index DESC
LIMIT $15"""
FLAGS = {
    (of_symbol, standing): _FLAGS.format(
        symbol="symbol = $1" if of_symbol else "$1::text IS NULL", standing='"end" IS NULL' if standing else "true"
    )
    for of_symbol in (True, False)
    for standing in (True, False)
}

SOURCES = """
SELECT s.source, s.provider, s.state, s.at, s.received, s.acknowledged, s.connects, s.reason, s.problems,
       ARRAY(SELECT (g.start, g."end", g.reason) FROM source_gaps g WHERE g.source = s.source ORDER BY g.start DESC LIMIT $3)
FROM sources s WHERE s.source > $1 ORDER BY s.source LIMIT $2"""

# Live sources, and what of a symbol and kind they still lack.
COVERAGE = """
SELECT s.source, s.begun_at, s.at, ARRAY(
    SELECT (h.start, h."end") FROM holes h
    WHERE h.source = s.source AND h.kind = $2 AND h.symbol IN ($1, '') AND h.state <> 'repaired' ORDER BY h."end" DESC LIMIT 10000) AS holes
FROM sources s WHERE s.begun_at IS NOT NULL"""

HOLES = """
SELECT source, nullif(symbol, '') AS symbol, kind, first_id, last_id, start, "end", state, reason, found_at, ended_at, requests, message,
       place
FROM holes
WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR symbol IN ($2, '')) AND ($3::text IS NULL OR kind = $3)
  AND ($4::text IS NULL OR state = $4) AND ($5::timestamptz IS NULL OR "end" >= $5) AND ($6::timestamptz IS NULL OR start < $6)
  AND ($7::timestamptz IS NULL OR (found_at, source, symbol, kind, place) < ($7, $8, $9, $10, $11))
ORDER BY found_at DESC, holes.source DESC, holes.symbol DESC, kind DESC, place DESC LIMIT $12"""

_THROUGHPUT = """
SELECT {by}, kind, sum(ticks)::bigint AS ticks, sum(late)::bigint, max(ticks)::bigint
FROM (
    SELECT {by}, kind, sum(tick_count) AS ticks, sum(late_count) AS late FROM candles
    WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR symbol = $2) AND ($3::text IS NULL OR kind = $3)
      AND start >= $4 AND start < $5
    GROUP BY {by}, kind, start
) minutes
GROUP BY {by}, kind ORDER BY sum(ticks) DESC, {by}, kind LIMIT $6"""
THROUGHPUT = {name: _THROUGHPUT.format(by=name) for name in ("source", "symbol")}

# One ordered index scan per source and kind, merged: without it a page would sort every tick of the symbol.
TICKS = """
SELECT t.source, t.symbol, t.kind, t.native_symbol, t.event_time, t.received_at, t.sequence, t.id, t.price, t.size, t.side,
       t.bid, t.ask, t.bid_size, t.ask_size, t.late, t.run, t.epoch, t.raw_partition, t.raw_offset, t.raw_index
FROM latest l CROSS JOIN LATERAL (
    (SELECT source, symbol, kind, native_symbol, event_time, received_at, sequence, id, price, size, side, bid, ask, bid_size, ask_size,
            late, run, epoch, raw_partition, raw_offset, raw_index
    FROM ticks
    WHERE symbol = l.symbol AND source = l.source AND kind = l.kind
      AND event_time >= $4 AND event_time < $5
      AND (event_time, sequence, id) >= ($6, $7, $8)
      AND (event_time, sequence, id, source, kind) > ($6, $7, $8, $9, $10)
    ORDER BY event_time, sequence, id LIMIT $11)
    UNION ALL
    (SELECT source, symbol, 'bar', native_symbol, start, received_at, 0, id, close, volume, NULL, NULL, NULL, NULL, NULL,
            late, run, epoch, raw_partition, raw_offset, raw_index
    FROM bars
    WHERE l.kind = 'bar' AND symbol = l.symbol AND source = l.source
      AND start >= $4 AND start < $5 AND start >= $6 AND (start, 0::bigint, id, source, 'bar') > ($6, $7, $8, $9, $10)
    ORDER BY start LIMIT $11)
) t
WHERE l.symbol = $1 AND ($2::text IS NULL OR l.source = $2) AND ($3::text IS NULL OR l.kind = $3)
ORDER BY t.event_time, t.sequence, t.id, t.source, t.kind LIMIT $11"""

_MINUTES = """
SELECT {columns} FROM candles
WHERE symbol = $1 AND kind = $2 AND start >= $3 AND start < $4 AND (start >= $5 OR source > $6) AND {source}
ORDER BY start, source LIMIT $8"""
_VALUES = (
    *("open", "high", "low", "close", "volume", "quote_volume", "buy_volume", "sell_volume", "trade_count", "tick_count", "late_count"),
    *("first_time", "first_sequence", "first_id", "last_time", "last_sequence", "last_id", "is_closed"),
)
# Minutes that start before $9 come without their values: who asks has kept them.
_MINUTE = f"source, symbol, kind, start, {', '.join(f'CASE WHEN start >= $9 THEN {name} END' for name in _VALUES)}, xmin"
MINUTES = _MINUTES.format(columns=_MINUTE, source="$7::text IS NULL")
MINUTES_OF_SOURCE = _MINUTES.format(columns=_MINUTE, source="source = $7")
# A transaction leaves one state of a row at most, so the row's key and the transaction that wrote it tell its state.
VERSIONS = _MINUTES.format(columns="start, source, xmin", source="$7::text IS NULL")
VERSIONS_OF_SOURCE = _MINUTES.format(columns="start, source, xmin", source="source = $7")
# All that of a page in one value; no text holds a zero byte, so no two pages have the same.
_STAMP = r"""
SELECT string_agg(timestamptz_send(start) || xidsend(xmin) || textsend(source) || '\x00'::bytea, ''::bytea) FROM ({}) minutes"""
STAMP, STAMP_OF_SOURCE = _STAMP.format(VERSIONS), _STAMP.format(VERSIONS_OF_SOURCE)

# The sources of a symbol and kind, with when each was first and last heard of.
EXTENT = """
SELECT l.source, f.start, l.event_time
FROM latest l CROSS JOIN LATERAL (
    SELECT start FROM candles WHERE source = l.source AND symbol = l.symbol AND kind = l.kind ORDER BY start LIMIT 1
) f
WHERE l.symbol = $1 AND l.kind = $2 AND ($3::text IS NULL OR l.source = $3) ORDER BY l.source"""

CLOSES_BEFORE = """
SELECT s.source, c.close
FROM unnest($3::text[]) AS s(source) CROSS JOIN LATERAL (
    SELECT close FROM candles WHERE source = s.source AND symbol = $1 AND kind = $2 AND start < $4 ORDER BY start DESC LIMIT 1
) c"""

_TICK_VALUES = "source, symbol, kind, event_time, sequence, id, price, size, side, bid, ask, late"
TICKS_AS_OF = f"""
SELECT {_TICK_VALUES} FROM ticks
WHERE symbol = $1 AND kind = $2 AND source = ANY($3::text[])
  AND event_time >= $4 AND event_time < $5 AND received_at <= $6"""

TICKS_BEFORE_AS_OF = f"""
SELECT t.* FROM unnest($3::text[]) AS s(source) CROSS JOIN LATERAL (
    SELECT {_TICK_VALUES} FROM ticks
    WHERE source = s.source AND symbol = $1 AND kind = $2 AND event_time < $4 AND received_at <= $5
    ORDER BY event_time DESC, sequence DESC, id DESC LIMIT 1
) t"""

DAILY = """
SELECT symbol, day, source, open, high, low, close, volume, vwap, trade_count, adjusted, session, market_phase, phase_reason, average_50,
       average_200, revision, run, received_at
FROM daily
WHERE symbol = $1 AND ($2::text IS NULL OR source = $2) AND ($3::date IS NULL OR day >= $3) AND ($4::date IS NULL OR day <= $4)
  AND (day, source) > ($5, $6)
ORDER BY day, source LIMIT $7"""

_RUN = """run_id, run_kind, status, source, requested_at, updated_at, finished_at, request::text, sent, bytes_read, bytes_total,
       attempts, message"""
RUNS = f"""
SELECT {_RUN} FROM runs
WHERE ($1::timestamptz IS NULL OR (requested_at, run_id) < ($1, $2)) ORDER BY requested_at DESC, run_id DESC LIMIT $3"""

RUN = f"""
SELECT {_RUN}, result::text, (f.files || views)::text, t.received, l.stored, l.duplicate, l.rejected, l.late, d.reasons, d.counts
FROM runs
CROSS JOIN LATERAL (SELECT coalesce(sum(received), 0)::bigint
    + (SELECT coalesce(sum(count), 0)::bigint FROM dead_letters WHERE run = run_id AND origin NOT LIKE '%.raw.v1/%') AS received
    FROM tallies WHERE run = run_id AND run <> '') t
CROSS JOIN LATERAL (
    SELECT coalesce(sum(stored), 0)::bigint AS stored, coalesce(sum(duplicate), 0)::bigint AS duplicate,
           coalesce(sum(rejected), 0)::bigint AS rejected, coalesce(sum(late), 0)::bigint AS late
    FROM ledger WHERE run = run_id AND run <> ''
) l
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(reason ORDER BY reason), '{{}}') AS reasons, coalesce(array_agg(n ORDER BY reason), '{{}}') AS counts
    FROM (SELECT reason, sum(count)::bigint AS n FROM dead_letters WHERE run = run_id GROUP BY reason) r
) d
CROSS JOIN LATERAL (
    SELECT jsonb_strip_nulls(jsonb_build_object('fills', max(fills_path), 'summary', max(summary_path),
                                                'fills_uri', max(fills_uri), 'summary_uri', max(summary_uri))) AS files
    FROM outputs WHERE run = run_id
) f
WHERE run_id = $1"""

_METRICS = """
SELECT service, start, request_count, latency_count, latency_sum, status_count, error_count, late_count, buckets, counts, is_closed
FROM minutes WHERE {service} AND start >= $2 AND start < $3 AND (start, service) > ($4, $5) ORDER BY start, service LIMIT $6"""
METRICS_OF_ALL = _METRICS.format(service="$1::text IS NULL")
METRICS_OF_SERVICE = _METRICS.format(service="service = $1")

_REASONS = """
SELECT reason, sum(count)::bigint FROM dead_letters WHERE {run} AND ($2::text IS NULL OR reason = $2) GROUP BY reason ORDER BY reason"""
REASONS, REASONS_OF_RUN = _REASONS.format(run="$1::text IS NULL"), _REASONS.format(run="run = $1")

_REJECTS = """
SELECT reason, message, source, run, line, origin, received_at, sample, count, others FROM dead_letters
WHERE {run} AND ($2::text IS NULL OR reason = $2)
  AND ($3::timestamptz IS NULL OR (received_at, origin) < ($3, $4))
ORDER BY received_at DESC, origin DESC LIMIT $5"""
REJECTS, REJECTS_OF_RUN = _REJECTS.format(run="$1::text IS NULL"), _REJECTS.format(run="run = $1")

_NULLED = """
SELECT field, count(*) FROM service_events, unnest(nulled) AS field WHERE nulled <> '{{}}' AND {run} GROUP BY field ORDER BY field"""
NULLED, NULLED_OF_RUN = _NULLED.format(run="$1::text IS NULL"), _NULLED.format(run="run = $1")

OUTPUT = "SELECT fills_path, summary_path, fills_uri, summary_uri, fills, summary FROM outputs WHERE run = $1 AND written_at IS NOT NULL"
RUN_STATE = "SELECT status, message, request::text FROM runs WHERE run_id = $1"

CHECK = "SELECT 1 FROM latest LIMIT 1"
