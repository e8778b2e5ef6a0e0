"""The days of daily runs: computed from the run's bars in the transaction that ends it, so that a finished run's days can be read.

A day that is said otherwise than before is restated: its revision grows, and the one before it is kept.
"""

import datetime
from collections.abc import Collection
from typing import Any

import asyncpg
import msgspec

from services.writer.days import SAID, Day, days, span
from services.writer.sinks.postgres import bars
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import without
from shared import symbols
from shared.runs import DailyRequest
from shared.time import from_datetime, to_datetime

_DUE = """
SELECT run_id, source, request FROM runs
WHERE run_id = ANY($1) AND run_kind = 'daily' AND status = 'finished' AND days IS NULL AND source <> '' ORDER BY run_id
"""
_COLUMNS = (*Day._fields[:16], "revision", *Day._fields[16:])
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 7241110003))"
_KNOWN = f"SELECT {', '.join(_COLUMNS)} FROM daily WHERE source = $1 AND symbol = $2 AND day = ANY($3)"
_KEEP = "INSERT INTO daily_revisions SELECT * FROM daily WHERE source = $1 AND symbol = $2 AND day = ANY($3)"
_PUT = f"""
INSERT INTO daily ({", ".join(_COLUMNS)}) VALUES ({", ".join(f"${n}" for n in range(1, len(_COLUMNS) + 1))})
ON CONFLICT (source, symbol, day) DO UPDATE SET ({", ".join(_COLUMNS[3:])}) = ({", ".join("excluded." + name for name in _COLUMNS[3:])})
"""
_SETTLED = "UPDATE runs SET days = $2 WHERE run_id = $1"
_WANTED = f"""
SELECT run_id, source, status, message, requested_at, finished_at, request, result, attempts, days,
       (SELECT coalesce(sum(stored), 0)::bigint FROM ledger WHERE run = run_id) AS stored,
       (SELECT coalesce(sum(duplicate), 0)::bigint FROM ledger WHERE run = run_id) AS duplicate,
       (SELECT coalesce(sum(rejected), 0)::bigint FROM ledger WHERE run = run_id) AS rejected
FROM runs
WHERE run_kind = 'daily' AND finished_at IS NOT NULL AND files_at IS NULL AND {without("files", "run_id")}
  AND (status = 'failed' OR days IS NOT NULL)
ORDER BY requested_at, run_id LIMIT 1
"""
# Not a lock on the row, which the sink would wait for while files are written.
_HELD = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7241110004))"
_UNWRITTEN = "SELECT files_at IS NULL FROM runs WHERE run_id = $1"
_WRITTEN = "UPDATE runs SET files_at = now() WHERE run_id = $1"
_BETWEEN = f"SELECT {', '.join(_COLUMNS)} FROM daily WHERE source = $1 AND symbol = $2 AND day >= $3 AND day <= $4 ORDER BY day"


async def settle(connection: Connection, touched: Collection[str]) -> None:
    """Puts the days of those runs that have just finished in place."""
    for run_id, source, request in await connection.fetch(_DUE, sorted(touched)):
        asked = msgspec.json.decode(request, type=DailyRequest)
        count = 0
        for ticker in sorted(set(map(symbols.canonical, asked.tickers))):
            count += await _ticker(connection, source, ticker, asked.start, asked.end)
        await connection.execute(_SETTLED, run_id, count)


async def _ticker(connection: Connection, source: str, symbol: str, first: datetime.date, last: datetime.date) -> int:
    """The days of one ticker; how many there are."""
    await connection.execute(_LOCK, f"{source}|{symbol}")
    found = days(await bars.between(connection, source, symbol, *span(first, last)), first, last)
    rows = await connection.fetch(_KNOWN, source, symbol, [day.day for day in found])
    known = {row["day"]: row for row in rows}
    changed = [day for day in found if day.day not in known or _said(day) != tuple(known[day.day][name] for name in SAID)]
    restated = {day.day: known[day.day]["revision"] for day in changed if day.day in known}
    if restated:
        await connection.execute(_KEEP, source, symbol, sorted(restated))
    if changed:
        await connection.executemany(_PUT, [_row(day, restated.get(day.day, 0) + 1) for day in changed])
    return len(found)


async def wanted(connection: Connection) -> asyncpg.Record | None:
    """A daily run whose files are to be written, held for this transaction against other writers."""
    run = await connection.fetchrow(_WANTED)
    if run is None or not await connection.fetchval(_HELD, run["run_id"]):
        return None
    return run if await connection.fetchval(_UNWRITTEN, run["run_id"]) else None


async def written(connection: Connection, run: str) -> None:
    """The run's files are there."""
    await connection.execute(_WRITTEN, run)


async def between(connection: Connection, source: str, symbol: str, first: datetime.date, last: datetime.date) -> list[tuple[Day, int]]:
    """The stored days in [first, last], each with its revision."""
    return [_day(row) for row in await connection.fetch(_BETWEEN, source, symbol, first, last)]


def _said(day: Day) -> tuple[Any, ...]:
    return tuple(getattr(day, name) for name in SAID)


def _row(day: Day, revision: int) -> tuple[Any, ...]:
    return (*day[:16], revision, day.run, to_datetime(day.received_at))


def _day(row: asyncpg.Record) -> tuple[Day, int]:
    *values, revision, run, received_at = row
    return Day._make((*values, run, from_datetime(received_at))), revision
