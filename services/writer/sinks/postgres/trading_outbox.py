"""Fills and summaries on their way to their topics: their ids wait, and the JSON is made of the rows as they stand when it is published.

Invariant: what is published is `shared.events.Fill` and `OrderSummary`, value for value.
"""

from collections.abc import Collection, Iterable

import asyncpg

from services.writer.sinks.postgres.connection import Connection
from shared.partitioning import partition
from shared.topics import FILLS, PARTITIONS, SUMMARIES
from shared.trading.versions import RANKS, VOID

Bundle = tuple[str, int, list[tuple[bytes, bytes]]]
_IDS = 1_000  # of an outbox row
_PUT = """
INSERT INTO outbox (topic, key, partition, value, ids) SELECT $1, convert_to(gen_random_uuid()::text, 'UTF8'), 0, '', $2
"""
_READ = """
SELECT symbol, string_agg({line}, E'\\n') AS lines
FROM (SELECT * FROM {table} WHERE {id} = ANY($1::text[]) AND symbol IS NOT NULL OFFSET 0) r GROUP BY symbol ORDER BY symbol
"""


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
    """Adds the rows of these ids."""
    wanted = sorted(ids)
    await connection.executemany(_PUT, [(topic, wanted[at : at + _IDS]) for at in range(0, len(wanted), _IDS)])


async def records(connection: Connection, waiting: Iterable[asyncpg.Record]) -> list[Bundle]:
    """What is to be published for the outbox rows, each id once: topic, partition, and (key, value) of each record."""
    wanted: dict[str, set[str]] = {}
    for row in waiting:
        if row["ids"] is not None:
            wanted.setdefault(row["topic"], set()).update(row["ids"])
    found: list[Bundle] = []
    for topic, ids in wanted.items():
        table, key, line = _TABLES[topic]
        rows = await connection.fetch(_READ.format(table=table, id=key, line=line), sorted(ids))
        found += [(topic, partition(row["symbol"].encode(), PARTITIONS), _split(row["lines"])) for row in rows]
    return found


def _split(lines: str) -> list[tuple[bytes, bytes]]:
    cut = [line.partition(b"\t") for line in lines.encode().split(b"\n")]
    return [(key, value) for key, _, value in cut]
