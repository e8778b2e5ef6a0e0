"""`maintain`: drops days of ticks and quotes that were loaded long enough ago, removes objects of the archive that were stored long enough
ago, and names what does not belong there.

Invariant: a chain loses its oldest objects only, in order, and never its newest; a day's rows are counted as they are dropped. So it may
run twice at once, and beside running writers.
"""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.writer.sinks.postgres import retention
from services.writer.sinks.postgres.connection import connect, quiet
from shared.archive import catalog, chain
from shared.archive.catalog import Entry
from shared.archive.layout import named
from shared.archive.store import Store
from shared.bus.admin import cluster_id
from shared.settings import Settings
from shared.time import DAY, to_datetime
from shared.topics import TOPICS


class Kept(NamedTuple):
    """What was done, and the keys of what does not belong there."""

    removed: int
    kept: int
    orphans: list[str]


class Dropped(NamedTuple):
    """Days that were dropped, and their rows."""

    days: int
    rows: int


async def expire(settings: Settings) -> Dropped | None:
    """Drops the days of which nothing was stored for WRITER__RETENTION_DAYS; None where another is at it. Raises `Unavailable`."""
    before = to_datetime(time.time_ns() // 1000 - settings.writer.retention_days * DAY)
    connection = await connect(settings.database.url.get_secret_value(), settings.database.schema_name, holds=True)
    try:
        with quiet():
            await connection.execute("SET statement_timeout = 0")  # a deletion takes as long as its rows
            if not await retention.turn(connection):
                return None
            marked = await retention.mark(connection, before)
            days = rows = 0
            while days < len(marked):
                deleted = await retention.delete(connection, marked[days:])
                days += deleted.days
                rows += deleted.rows
            if rows:
                await retention.vacuum(connection, sorted({table for table, _ in marked}))
    finally:
        connection.terminate()
    return Dropped(days, rows)


async def maintain(settings: Settings) -> Kept:
    """Goes through this cluster's archive once; raises `Unavailable`."""
    cluster = await cluster_id(settings.kafka)
    before = time.time_ns() // 1000 - settings.s3.retention_days * DAY if settings.s3.retention_days else 0
    removed = kept = 0
    async with Store(settings.s3) as store:
        orphans = [found.key async for found in store.objects(f"{cluster}/") if named(found.key) is None]
        for topic in TOPICS:
            for entries in (await catalog.chains(store, cluster, topic.tier, settings.kafka.topic_prefix + topic.name)).values():
                orphans += overlapping(entries)
                for entry in old(entries, before):
                    await store.delete(entry.key)
                    removed += 1
                kept += len(entries)
    return Kept(removed, kept - removed, orphans)


def old(entries: Sequence[Entry], before: int) -> Iterator[Entry]:
    """The objects at the beginning of a chain that were stored before then (us); the newest stays, since it says where the chain ends."""
    for entry in entries[:-1]:
        if entry.modified >= before:
            return
        yield entry


def overlapping(entries: Sequence[Entry]) -> list[str]:
    """Objects with offsets that an object before them has."""
    twice = {hole.first for hole in chain.faults([entry.span for entry in entries]) if hole.twice}
    return [entry.key for entry in entries if entry.span.first in twice]
