"""The tables of two databases, row for row, without what says where a row came from and when it was loaded."""

from __future__ import annotations

from typing import Any

from tests.system.store import query

ORIGIN = ("epoch", "raw_partition", "raw_offset", "raw_index", "origin")
LOADED = ("loaded_at", "written_at", "finished_at", "updated_at", "views_at")
TABLES: dict[str, tuple[str, ...]] = {
    "ticks": (),
    "candles": (),
    "latest": (),
    "service_events": (),
    "minutes": (),
    "bars": (),
    "market_info": (),
    "quotes": (),
    "quote_heads": (),
    # How often a row was priced depends on which rows came in one batch.
    "orders": ("revision",),
    "fills": ("revision",),
    "sources": (),
    "source_gaps": (),
    "runs": ("views",),
    "ledger": (),
    "dead_letters": ("cluster", "partition", "offset"),
    "outputs": ("requested_at",),
}
TALLIES = """
SELECT topic, partition, source, run, hour, sum(received), sum(rejected), sum(ignored)
FROM tallies GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that says something of the data, in the order of their values."""
    found = {"tallies": [tuple(row) for row in query(url, TALLIES)]}
    for table, aside in TABLES.items():
        columns = [
            row[0] for row in query(url, "SELECT column_name FROM information_schema.columns WHERE table_name = $1 ORDER BY 1", table)
        ]
        kept = [f'"{name}"::text' for name in columns if name not in (*ORIGIN, *LOADED, *aside)]
        found[table] = [tuple(row) for row in query(url, f"SELECT {', '.join(kept)} FROM {table} ORDER BY {', '.join(kept)}")]
    return found


def differences(before: dict[str, list[tuple[Any, ...]]], after: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[Any]]:
    """The first rows of each table that only one of them has."""
    wrong: dict[str, list[Any]] = {}
    for table, rows in before.items():
        only = [("before", row) for row in sorted(set(rows) - set(after[table]), key=str)[:3]]
        only += [("after", row) for row in sorted(set(after[table]) - set(rows), key=str)[:3]]
        if only or len(rows) != len(after[table]):
            wrong[table] = [len(rows), len(after[table]), *only]
    return wrong
