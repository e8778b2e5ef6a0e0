"""Partitions by day of `ticks` and `quotes`: made when a day's first fact comes, outside the batch's transaction.

Invariant: a day that is in a table's list of days has a partition.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from services.writer.expiry import Table
from services.writer.sinks.postgres.connection import Connection

DAY_ONE = date(1970, 1, 1)
_LOCK = 7_241_110_002
LISTS: dict[Table, str] = {"ticks": "tick_days", "quotes": "quote_days"}
_KEPT = "SELECT 1 FROM {list} WHERE day = $1 UNION ALL SELECT 1 FROM expired_days WHERE of = $2 AND day = $1"


async def make(connection: Connection, table: Table, days: Iterable[int]) -> None:
    """A partition for each day (days since 1970); attaching it blocks no writer."""
    for number in sorted(days):
        day = DAY_ONE + timedelta(days=number)
        name = f"{table}_{day:%Y%m%d}"
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            if await connection.fetchval(_KEPT.format(list=LISTS[table]), day, table):
                continue  # it is there, or no longer kept
            await connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            end = "MAXVALUE" if day == date.max else f"'{_bound(table, day + timedelta(days=1))}'"
            await connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{_bound(table, day)}') TO ({end})")
            await connection.execute(f"INSERT INTO {LISTS[table]} (day) VALUES ($1)", day)


async def known(connection: Connection, table: Table) -> set[int]:
    """The days that have a partition."""
    return {(row["day"] - DAY_ONE).days for row in await connection.fetch(f"SELECT day FROM {LISTS[table]}")}


def _bound(table: Table, day: date) -> str:
    """Ticks are parted by a date, quotes by their time."""
    return str(day) if table == "ticks" else datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
