"""Days that are no longer kept: marked, then counted and dropped.

Invariant: once a day is marked, no writer stores anything of it: a writer holds the lock in common while it writes, and looks at the
marks once it has it; whoever marks holds it alone. So a marked day's rows can be counted without haste: what was counted is dropped.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

import asyncpg

from services.writer.expiry import Table
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.days import DAY_ONE, LISTS

LOCK_SECONDS = 2
_LOCK = "pg_advisory_xact_lock{}(724111, hashtext(current_schema()))"
_IN_COMMON = f"SELECT {_LOCK.format('_shared')}"
_ALONE = f"SELECT {_LOCK.format('')}"
_TURN = "SELECT pg_try_advisory_lock(724112, hashtext(current_schema()))"
_STATE = "SELECT count(*), max(expired_at) FROM expired_days"
# Whoever is at it already does it for all.
_TOUCH = """
UPDATE {list} SET loaded_at = now() WHERE day IN (
    SELECT day FROM {list} WHERE day = ANY($1) AND loaded_at < now() - interval '1 hour' ORDER BY day FOR UPDATE SKIP LOCKED)
"""
_MARK = "INSERT INTO expired_days (of, day) SELECT $1, day FROM {list} WHERE loaded_at < $2 ORDER BY day ON CONFLICT DO NOTHING"
_MARKED = "SELECT of, day FROM expired_days WHERE rows IS NULL ORDER BY of, day"
_COUNT = {
    "ticks": "SELECT source, coalesce(run, ''), date_trunc('hour', received_at), count(*) FROM {part} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "quotes": "SELECT 'nbbo', coalesce(run, ''), date_trunc('hour', received_at), count(*) FROM {part} GROUP BY 2, 3 ORDER BY 2, 3",
}
_LEDGER = """
INSERT INTO ledger AS l (source, run, hour, expired) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[])
ON CONFLICT (source, run, hour) DO UPDATE SET expired = l.expired + excluded.expired
"""
_DONE = "UPDATE expired_days SET rows = $3 WHERE of = $1 AND day = $2"


class State(NamedTuple):
    """Tells whether days have been marked since."""

    days: int
    newest: datetime | None


async def join(connection: Connection) -> State:
    """Holds the lock in common for this transaction."""
    await connection.execute(_IN_COMMON)
    return await state(connection)


async def state(connection: Connection) -> State:
    """Of the marks as they are now."""
    found = await connection.fetchrow(_STATE)
    assert found is not None
    return State(*found)


async def expired(connection: Connection) -> dict[Table, frozenset[int]]:
    """The marked days, since 1970."""
    found: dict[Table, set[int]] = {"ticks": set(), "quotes": set()}
    for of, day in await connection.fetch("SELECT of, day FROM expired_days"):
        found[of].add((day - DAY_ONE).days)
    return {of: frozenset(days) for of, days in found.items()}


async def touch(connection: Connection, table: Table, days: Iterable[date]) -> None:
    """Something was stored of these days."""
    await connection.execute(_TOUCH.format(list=LISTS[table]), sorted(days))


async def turn(connection: Connection) -> bool:
    """Whether this session may drop; no other does at the same time."""
    return bool(await connection.fetchval(_TURN))


async def mark(connection: Connection, before: datetime) -> list[tuple[Table, date]]:
    """Marks the days of which nothing was stored since then; all that are marked and not dropped."""
    async with connection.transaction():
        await connection.execute(_ALONE)
        for table, listed in LISTS.items():
            await connection.execute(_MARK.format(list=listed), table, before)
    return [(row["of"], row["day"]) for row in await connection.fetch(_MARKED)]


async def drop(connection: Connection, table: Table, day: date, seconds: float = LOCK_SECONDS) -> int | None:
    """Drops a marked day's partition and counts its rows as expired; None where readers are in the way for so long: try again later."""
    part = f"{table}_{day:%Y%m%d}"
    rows: list[asyncpg.Record] = []
    if await connection.fetchval("SELECT to_regclass($1)", part) is not None:
        rows = await connection.fetch(_COUNT[table].format(part=part), timeout=None)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{seconds:g}s'")
            await connection.execute(f"DROP TABLE IF EXISTS {part}")
            if rows:
                await connection.execute(_LEDGER, *map(list, zip(*(tuple(row) for row in rows), strict=True)))
            await connection.execute(f"DELETE FROM {LISTS[table]} WHERE day = $1", day)
            total: int = sum(row["count"] for row in rows)
            await connection.execute(_DONE, table, day, total)
    except asyncpg.LockNotAvailableError:
        return None
    return total
