"""Rows from memory into a keyed table of six columns: COPY itself, or COPY to a staging table and INSERT … ON CONFLICT, 20,000 at a time.

`python -m bench.peers.copies URL COUNT START plain|staging`. Nothing is read from Kafka, decoded or aggregated, no position is kept:
what Postgres takes from one connection. The rows are made before the clock starts.
"""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg

from bench.market import SOURCE, Market, canonical
from bench.peers.job import Progress

BATCH = 20_000
COLUMNS = ("source", "symbol", "ts", "price", "size", "event_id")
_DEFINED = "(source text, symbol text, ts timestamptz, price double precision, size double precision, event_id text{key})"
TABLE = "CREATE TABLE peer_ticks " + _DEFINED.format(key=", PRIMARY KEY (source, event_id)")
_STAGE = "CREATE TEMP TABLE stage " + _DEFINED.format(key="")
_INSERT = "INSERT INTO peer_ticks SELECT * FROM stage ON CONFLICT DO NOTHING"

Row = tuple[Any, ...]


def rows(count: int, start: int) -> list[Row]:
    """The market's trades as rows."""
    return [
        (SOURCE, canonical(t.symbol), datetime.fromtimestamp(t.at / 1000, UTC), t.cents / 100, t.lots / 10_000, f"{t.number:012d}")
        for t in Market(count, start).trades()
    ]


def batches(found: list[Row]) -> Iterator[list[Row]]:
    """Slices of a batch's size."""
    return (found[at : at + BATCH] for at in range(0, len(found), BATCH))


async def plain(connection: Any, found: list[Row], progress: Progress) -> None:
    """COPY into the keyed table: a known key would fail it."""
    for batch in batches(found):
        await connection.copy_records_to_table("peer_ticks", records=batch, columns=COLUMNS)
        progress.add(len(batch))


async def staging(connection: Any, found: list[Row], progress: Progress) -> None:
    """Known keys are left out."""
    await connection.execute(_STAGE)
    for batch in batches(found):
        async with connection.transaction():
            await connection.copy_records_to_table("stage", records=batch, columns=COLUMNS)
            await connection.execute(_INSERT)
            await connection.execute("TRUNCATE stage")
        progress.add(len(batch))


async def main(url: str, count: int, start: int, way: str) -> None:
    """Makes the table and fills it."""
    found = rows(count, start)
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    progress = Progress(count)
    progress.begin()
    await (plain if way == "plain" else staging)(connection, found, progress)
    await connection.close()
    progress.tell()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
