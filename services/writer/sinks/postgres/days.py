"""The days of which ticks and quotes are stored, each with the hour in which something was last stored of it.

Invariant: the day of a stored fact is listed, with a time at most an hour before the fact was stored.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from services.writer.expiry import Table
from services.writer.sinks.postgres.connection import Connection

DAY_ONE = date(1970, 1, 1)
LISTS: dict[Table, str] = {"ticks": "tick_days", "quotes": "quote_days"}
REPEAT_SECONDS = 3600.0
MOST = 100_000
_ADD = """
INSERT INTO {list} (day) SELECT d FROM unnest($1::date[]) AS u (d) ORDER BY d ON CONFLICT DO NOTHING
"""
# A row that another writer holds is being updated by it.
_TOUCH = """
UPDATE {list} SET loaded_at = now() WHERE day IN (
    SELECT day FROM {list} WHERE day = ANY($1) AND loaded_at < now() - interval '1 hour'
    ORDER BY day FOR UPDATE SKIP LOCKED)
"""


async def touch(connection: Connection, table: Table, days: Iterable[int]) -> None:
    """Lists the days (since 1970) as loaded now."""
    listed = [DAY_ONE + timedelta(days=number) for number in sorted(days)]
    await connection.execute(_ADD.format(list=LISTS[table]), listed)
    await connection.execute(_TOUCH.format(list=LISTS[table]), listed)


class Touched:
    """The days that a writer has listed within the hour; forgotten each hour, and when they are too many."""

    def __init__(self) -> None:
        self._days: dict[Table, set[int]] = {"ticks": set(), "quotes": set()}
        self._since = 0.0

    def due(self, table: Table, days: Collection[int], now: float) -> set[int]:
        """The days that are to be listed at `now`, a monotonic time in seconds."""
        if now - self._since >= REPEAT_SECONDS or sum(map(len, self._days.values())) > MOST:
            self.clear()
            self._since = now
        return set(days) - self._days[table]

    def committed(self, table: Table, days: Collection[int]) -> None:
        """The transaction that listed the days is durable."""
        self._days[table].update(days)

    def clear(self) -> None:
        """Forgets all."""
        for known in self._days.values():
            known.clear()
