"""SQL of orders, fills and execution quality, as in `queries`.

Invariant: a figure that the store could only round (vwap, rates) is left to Python: the statements give exact sums.
"""

_ORDER = "order_id, quantity, filled_qty, notional, total_pi_dollars"
ORDER = f"SELECT {_ORDER} FROM orders WHERE order_id = $1 AND symbol IS NOT NULL"

_ORDERS = """
SELECT order_id, quantity, filled_qty, notional, total_pi_dollars, symbol, side, destination, event_time, limit_price, fill_count, unpriced,
       mismatched, action, {key}::text AS place
FROM orders
WHERE symbol IS NOT NULL AND ($1::text IS NULL OR symbol = $1) AND ($2::text IS NULL OR side = $2)
  AND ($3::text IS NULL OR destination = $3) AND ({key}, order_id) {than} ($4::text::{type}, $5::text)
ORDER BY {key} {way}, order_id {way} LIMIT $6"""
_SORTS = {"order_id": "text", "event_time": "timestamptz", "total_pi_dollars": "numeric"}
ORDERS = {
    (key, way): _ORDERS.format(key=key, type=kind, way=way, than={"ASC": ">", "DESC": "<"}[way])
    for key, kind in _SORTS.items()
    for way in ("ASC", "DESC")
}

HORIZONS = {"1s": "1 second", "15s": "15 seconds", "1m": "1 minute", "5m": "5 minutes"}
# The mid some time after an execution (twice of it): known once the symbol has a quote at or after that moment.
_LATER = "".join(
    f"""
LEFT JOIN LATERAL (
    SELECT q.bid + q.ask AS mid2 FROM quotes q
    WHERE q.symbol = f.symbol AND q.event_time <= f.event_time + interval '{width}' AND h.event_time >= f.event_time + interval '{width}'
    ORDER BY q.event_time DESC, q.bid DESC, q.ask DESC LIMIT 1
) later_{name} ON f.bid IS NOT NULL"""
    for name, width in HORIZONS.items()
)
_MIDS = ", ".join(f"later_{name}.mid2" for name in HORIZONS)
_FILL = f"""f.trade_id, f.order_id, f.symbol, f.side, f.quantity, f.price, f.event_time, f.destination,
       f.quote_time, f.bid, f.ask, f.pi_dollars, o.symbol, o.side, o.event_time,
       CASE WHEN o.action >= 2 THEN o.action_time END, o.limit_price, f.action, {_MIDS}"""
_JOINED = f"LEFT JOIN orders o ON o.order_id = f.order_id AND o.symbol IS NOT NULL LEFT JOIN quote_heads h ON h.symbol = f.symbol{_LATER}"
FILLS_OF_ORDER = f"""
SELECT {_FILL} FROM fills f {_JOINED}
WHERE f.order_id = $1 AND (f.event_time, f.trade_id) > ($2, $3) ORDER BY f.event_time, f.trade_id LIMIT $4"""
# One ordered index scan per symbol, merged.
FILLS = f"""
SELECT {_FILL} FROM (
    SELECT f.* FROM quote_heads s CROSS JOIN LATERAL (
        SELECT * FROM fills
        WHERE symbol = s.symbol AND event_time >= $4 AND event_time < $5 AND (event_time, trade_id) > ($6, $7)
          AND ($2::text IS NULL OR side = $2) AND ($3::text IS NULL OR destination = $3)
        ORDER BY event_time, trade_id LIMIT $8
    ) f
    WHERE $1::text IS NULL OR s.symbol = $1 ORDER BY f.event_time, f.trade_id LIMIT $8
) f {_JOINED} ORDER BY f.event_time, f.trade_id"""

_D = "CASE WHEN f.side = 'buy' THEN 1 ELSE -1 END"
_GROUPS = {"symbol": "f.symbol", "venue": "f.destination", "side": "f.side", "day": "(f.event_time AT TIME ZONE 'UTC')::date::text"}
_BETTER = "CASE WHEN f.side = 'buy' THEN f.ask - f.price ELSE f.price - f.bid END"
_REALIZED = ", ".join(
    f"""sum(f.quantity * {_D} * (2 * f.price - later_{name}.mid2)), sum(f.quantity) FILTER (WHERE later_{name}.mid2 IS NOT NULL)"""
    for name in HORIZONS
)
_QUALITY = f"""
SELECT {{group}} AS grouped, count(*), sum(f.quantity), sum(f.quantity * f.price), sum(f.quantity) FILTER (WHERE f.bid IS NOT NULL),
       sum(f.quantity) FILTER (WHERE {_BETTER} > 0), sum(f.quantity) FILTER (WHERE {_BETTER} = 0),
       sum(f.quantity) FILTER (WHERE {_BETTER} < 0), sum(f.pi_dollars), sum(f.quantity * (f.ask - f.bid)),
       sum(f.quantity * {_D} * (2 * f.price - f.bid - f.ask)),
       sum(f.quantity * abs(f.price - o.limit_price)), sum(f.quantity) FILTER (WHERE o.limit_price IS NOT NULL),
       sum(f.quantity * extract(epoch FROM f.event_time - o.event_time)), sum(f.quantity) FILTER (WHERE o.event_time IS NOT NULL),
       {_REALIZED}
FROM fills f {_JOINED}
WHERE f.action < 2 AND ($1::text IS NULL OR f.symbol = $1) AND ($2::text IS NULL OR f.side = $2)
  AND ($3::text IS NULL OR f.destination = $3) AND f.event_time >= $4 AND f.event_time < $5
GROUP BY 1 ORDER BY 1"""
QUALITY = {name: _QUALITY.format(group=group) for name, group in _GROUPS.items()}
