"""Days that are no longer kept: marked, then counted and deleted.

Invariant: once a day is marked, no writer stores anything of it: a writer holds the lock in common while it writes, and reads
the newest mark once it has it; whoever marks holds it alone. A day's rows are counted in the transaction that deletes them.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from services.writer.expiry import Table
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.days import DAY_ONE, LISTS
from shared.events import Nbbo

MOST_DAYS, MOST_ROWS = 1_000, 200_000  # of one transaction, which deletes one day at least
SECONDS = 24 * 3600.0  # a day of ticks may be large
_LOCK = "pg_advisory_xact_lock{}(724111, hashtext(current_schema()))"
_IN_COMMON = f"SELECT {_LOCK.format('_shared')}"
_ALONE = f"SELECT {_LOCK.format('')}"
_TURN = "SELECT pg_try_advisory_lock(724112, hashtext(current_schema()))"
_NEWEST = "SELECT coalesce(max(number), 0) FROM expired_days"
_MARK = """
INSERT INTO expired_days (of, day) SELECT $1, day FROM {list} WHERE loaded_at < $2 ORDER BY day ON CONFLICT DO NOTHING
"""
_MARKED = """
SELECT of, day FROM expired_days
WHERE of = 'ticks' AND day IN (SELECT day FROM tick_days) OR of = 'quotes' AND day IN (SELECT day FROM quote_days)
ORDER BY of, day
"""
# The rows of a day are read by the primary key however few they are: a table of many days is not read once for each.
_BY_KEY = "SET LOCAL enable_seqscan = off"
_COUNTED = "SELECT {source}, coalesce(run, ''), date_trunc('hour', received_at), count(*) FROM gone GROUP BY 1, 2, 3"
_DELETE: dict[Table, str] = {
    "ticks": f"WITH gone AS (DELETE FROM ticks WHERE day = $1 RETURNING source, run, received_at) {_COUNTED.format(source='source')}",
    "quotes": f"""
WITH gone AS (
    DELETE FROM quotes WHERE event_time >= $1::date AND event_time < ($1::date + interval '1 day') RETURNING run, received_at
) {_COUNTED.format(source=f"'{Nbbo.source}'")}""",
}
_LEDGER = """
INSERT INTO ledger AS l (source, run, hour, expired) SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[])
ON CONFLICT (source, run, hour) DO UPDATE SET expired = l.expired + excluded.expired
"""
_DONE = """
UPDATE expired_days e SET rows = e.rows + u.rows FROM unnest($2::date[], $3::bigint[]) AS u (day, rows)
WHERE e.of = $1 AND e.day = u.day
"""


class Deleted(NamedTuple):
    """What one transaction has deleted."""

    days: int
    rows: int


async def join(connection: Connection) -> int:
    """Holds the lock in common for this transaction; returns the number of the newest mark."""
    await connection.execute(_IN_COMMON)
    return await newest(connection)


async def newest(connection: Connection) -> int:
    """The number of the newest mark: another one means that days have been marked since."""
    return int(await connection.fetchval(_NEWEST))


async def expired(connection: Connection) -> dict[Table, frozenset[int]]:
    """The marked days, since 1970."""
    found: dict[Table, set[int]] = {"ticks": set(), "quotes": set()}
    for of, day in await connection.fetch("SELECT of, day FROM expired_days"):
        found[of].add((day - DAY_ONE).days)
    return {of: frozenset(days) for of, days in found.items()}


async def turn(connection: Connection) -> bool:
    """Whether this session may delete; no other does at the same time."""
    return bool(await connection.fetchval(_TURN))


async def mark(connection: Connection, before: datetime) -> list[tuple[Table, date]]:
    """Marks the days of which nothing was stored since then; returns all that are marked and not deleted."""
    async with connection.transaction():
        await connection.execute(_ALONE)
        for table, listed in LISTS.items():
            await connection.execute(_MARK.format(list=listed), table, before)
    return [(row["of"], row["day"]) for row in await connection.fetch(_MARKED)]


async def delete(connection: Connection, marked: Sequence[tuple[Table, date]]) -> Deleted:
    """Deletes the first of the marked days in one transaction and counts their rows as expired; as many days as are few rows."""
    counted: Counter[tuple[str, str, datetime]] = Counter()
    done: dict[Table, dict[date, int]] = {"ticks": {}, "quotes": {}}
    total = 0
    async with connection.transaction():
        await connection.execute(_BY_KEY)
        for table, day in marked[:MOST_DAYS]:
            rows = await connection.fetch(_DELETE[table], day, timeout=SECONDS)
            done[table][day] = sum(row["count"] for row in rows)
            total += done[table][day]
            counted.update({(source, run, hour): count for source, run, hour, count in rows})
            if total >= MOST_ROWS:
                break
        if counted:
            columns = [(*key, count) for key, count in sorted(counted.items())]
            await connection.execute(_LEDGER, *map(list, zip(*columns, strict=True)))
        for table, days in done.items():
            await connection.execute(_DONE, table, list(days), list(days.values()))
            await connection.execute(f"DELETE FROM {LISTS[table]} WHERE day = ANY($1)", list(days))
    return Deleted(sum(map(len, done.values())), total)


async def vacuum(connection: Connection, tables: Sequence[Table]) -> None:
    """Gives the room of deleted rows to later ones; leaves it to whoever is at it already."""
    for table in tables:
        await connection.execute(f"VACUUM (SKIP_LOCKED, ANALYZE) {table}", timeout=SECONDS)
