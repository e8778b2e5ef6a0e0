"""Every question that a dashboard puts to Postgres. Grafana fills in `$__timeFilter(column)`, `$source`, `$symbol` and `$service`.

A quotient is made here, from sums, with as many digits as a picture needs; the api's are the exact ones.
"""

SOURCES = "SELECT DISTINCT source FROM candles ORDER BY 1"
SYMBOLS = "SELECT DISTINCT symbol FROM candles WHERE source = '$source' ORDER BY 1"
SERVICES = "SELECT DISTINCT service FROM minutes ORDER BY 1"

CANDLES = """
SELECT start AS time, open, high, low, close, volume FROM candles
WHERE source = '$source' AND symbol = '$symbol' AND kind = (SELECT max(kind) FROM candles WHERE source = '$source' AND symbol = '$symbol')
  AND $__timeFilter(start) ORDER BY start
"""
LATEST = """
SELECT source, symbol, kind, price, bid, ask, event_time, now() - event_time AS age FROM latest ORDER BY symbol, source, kind
"""
TICKS_BY_SYMBOL = """
SELECT start AS time, symbol AS metric, sum(tick_count) AS ticks FROM candles WHERE $__timeFilter(start) GROUP BY 1, 2 ORDER BY 1
"""
VOLUME = """
SELECT start AS time, source AS metric, sum(volume) AS volume FROM candles
WHERE symbol = '$symbol' AND $__timeFilter(start) AND volume IS NOT NULL GROUP BY 1, 2 ORDER BY 1
"""
LATE_BY_SOURCE = """
SELECT start AS time, source AS metric, sum(late_count) AS late FROM candles WHERE $__timeFilter(start) GROUP BY 1, 2 ORDER BY 1
"""

SOURCE_STATES = """
SELECT source, provider, state, at AS acknowledged_up_to, received, acknowledged, connects, reason FROM sources ORDER BY source
"""
GAPS = """
SELECT source, start, "end", "end" - start AS lasted, reason FROM source_gaps WHERE $__timeFilter(start) ORDER BY start DESC LIMIT 200
"""
# The share of the chosen time in which a source is on record as connected; the dashboard's time may begin before the source did.
COVERAGE = """
SELECT s.source, round((1 - coalesce(sum(extract(epoch FROM least(g."end", $__timeTo()) - greatest(g.start, $__timeFrom()))), 0)
       / extract(epoch FROM ($__timeTo()::timestamptz - $__timeFrom()::timestamptz)))::numeric, 6) AS coverage
FROM sources s LEFT JOIN source_gaps g ON g.source = s.source AND g.start < $__timeTo() AND g."end" > $__timeFrom()
GROUP BY s.source ORDER BY s.source
"""
LEDGER = """
SELECT source, sum(stored) AS stored, sum(duplicate) AS duplicate, sum(late) AS late, sum(rejected) AS rejected, sum(mismatch) AS mismatch
FROM ledger WHERE hour >= date_trunc('hour', $__timeFrom()::timestamptz) AND hour <= $__timeTo() GROUP BY source ORDER BY source
"""
REASONS = """
SELECT reason, source, count(*) AS letters, max(received_at) AS newest FROM dead_letters
WHERE $__timeFilter(received_at) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 100
"""

FILLS = """
SELECT date_trunc('minute', event_time) AS time, count(*) AS fills, sum(quantity) AS shares FROM fills
WHERE $__timeFilter(event_time) AND action < 2 GROUP BY 1 ORDER BY 1
"""
IMPROVEMENT = """
SELECT date_trunc('minute', event_time) AS time, symbol AS metric, sum(pi_dollars) AS improvement FROM fills
WHERE $__timeFilter(event_time) AND action < 2 AND pi_dollars IS NOT NULL GROUP BY 1, 2 ORDER BY 1
"""
BY_VENUE = """
SELECT destination, count(*) AS fills, sum(quantity) AS shares, round(sum(pi_dollars), 2) AS price_improvement,
       round(sum(quantity) FILTER (WHERE CASE side WHEN 'buy' THEN price <= ask ELSE price >= bid END)
             / nullif(sum(quantity) FILTER (WHERE bid IS NOT NULL), 0), 4) AS at_or_better,
       round(sum(2 * (price - (bid + ask) / 2) * CASE side WHEN 'buy' THEN 1 ELSE -1 END * quantity)
             / nullif(sum(quantity) FILTER (WHERE bid IS NOT NULL), 0), 6) AS effective_spread,
       count(*) FILTER (WHERE bid IS NULL) AS unpriced
FROM fills WHERE $__timeFilter(event_time) AND action < 2 GROUP BY 1 ORDER BY 3 DESC
"""
BEST_ORDERS = """
SELECT order_id, symbol, side, quantity, filled_qty, round(filled_qty / nullif(quantity, 0), 4) AS fill_rate,
       round(notional / nullif(filled_qty, 0), 6) AS vwap, total_pi_dollars, unpriced, event_time
FROM orders WHERE $__timeFilter(event_time) ORDER BY total_pi_dollars DESC LIMIT 50
"""
FILL_RATE = """
SELECT date_trunc('minute', event_time) AS time, round(sum(filled_qty) / nullif(sum(quantity), 0), 4) AS fill_rate FROM orders
WHERE $__timeFilter(event_time) AND quantity IS NOT NULL GROUP BY 1 ORDER BY 1
"""

REQUESTS = """
SELECT start AS time, service AS metric, request_count FROM minutes WHERE $__timeFilter(start) AND service IN ($service) ORDER BY start
"""
LATENCY = """
SELECT start AS time, service AS metric, round(latency_sum / nullif(latency_count, 0), 3) AS avg_latency_ms FROM minutes
WHERE $__timeFilter(start) AND service IN ($service) AND latency_count > 0 ORDER BY start
"""
ERROR_RATE = """
SELECT start AS time, service AS metric, round(error_count::numeric / nullif(status_count, 0), 4) AS error_rate FROM minutes
WHERE $__timeFilter(start) AND service IN ($service) AND status_count > 0 ORDER BY start
"""
MINUTES = """
SELECT service, start, request_count, round(latency_sum / nullif(latency_count, 0), 3) AS avg_latency_ms, error_count, status_count,
       late_count, is_closed
FROM minutes WHERE $__timeFilter(start) AND service IN ($service) ORDER BY start DESC, service LIMIT 500
"""
