"""Fills and summaries on their way to their topics: the JSON is made where the rows are, one outbox row for each partition of a batch.

Invariant: what is published is `shared.events.Fill` and `OrderSummary`, value for value.
"""

from collections.abc import Collection

from services.writer.sinks.postgres.connection import Connection
from shared.partitioning import partition
from shared.topics import FILLS, PARTITIONS, SUMMARIES
from shared.trading.versions import RANKS, VOID

_BUNDLE = """
INSERT INTO outbox (topic, key, partition, value, bundled)
SELECT $2, convert_to(gen_random_uuid()::text, 'UTF8'), p.partition, convert_to(string_agg({line}, E'\\n'), 'UTF8'), true
FROM (SELECT * FROM {table} WHERE {id} = ANY($1::text[]) OFFSET 0) r
JOIN unnest($3::text[], $4::int[]) AS p (symbol, partition) USING (symbol)
GROUP BY p.partition ORDER BY p.partition
"""
_SYMBOLS = "SELECT DISTINCT symbol FROM {table} WHERE {id} = ANY($1::text[]) AND symbol IS NOT NULL"


def _us(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def _text(column: str) -> str:
    return f"to_json({column})::text"


def _money(column: str) -> str:
    return f"'\"' || {column} || '\"'"


def _line(key: str, tag: str, values: dict[str, str]) -> str:
    """Key, tab and the JSON object, put together piece by piece: two thirds of the time that `json_build_object` takes."""
    pairs = "".join(f" || ',\"{name}\":' || coalesce({value}, 'null')" for name, value in values.items())
    return f"r.{key} || E'\\t' || '{{\"kind_of\":\"{tag}\"'{pairs} || '}}'"


_FILL = {
    **{name: _text(f"r.{name}") for name in ("trade_id", "order_id", "symbol", "side", "destination")},
    **{name: _money(f"r.{name}") for name in ("quantity", "price", "bid", "ask", "pi_dollars")},
    **{name: f"{_us(f'r.{name}')}::text" for name in ("event_time", "quote_time")},
    "void": f"(r.action >= {VOID})::text",
    "revision": "r.revision::text",
}
_SUMMARY = {
    **{name: _text(f"r.{name}") for name in ("order_id", "symbol", "side", "destination")},
    "total_order_qty": _money("r.quantity"),
    **{name: _money(f"r.{name}") for name in ("filled_qty", "notional", "total_pi_dollars")},
    **{name: f"r.{name}::text" for name in ("fill_count", "unpriced", "mismatched", "revision")},
    "cancelled": f"(r.action >= {RANKS['cancel']})::text",
}
_TABLES = {
    FILLS.name: ("fills", "trade_id", _line("symbol", "fill", _FILL)),
    SUMMARIES.name: ("orders", "order_id", _line("order_id", "order_summary", _SUMMARY)),
}


async def put(connection: Connection, topic: str, ids: Collection[str]) -> None:
    """Adds the rows of these ids, as they now stand."""
    if not ids:
        return
    table, key, line = _TABLES[topic]
    wanted = sorted(ids)
    symbols = [row["symbol"] for row in await connection.fetch(_SYMBOLS.format(table=table, id=key), wanted)]
    numbers = [partition(symbol.encode(), PARTITIONS) for symbol in symbols]
    await connection.execute(_BUNDLE.format(table=table, id=key, line=line), wanted, topic, symbols, numbers)
