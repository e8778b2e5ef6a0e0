"""Offsets and marks: read at the start, locked and moved in the transaction that did the work, never from another value than read."""

from collections.abc import Collection, Mapping

from services.writer.batch import MarkKey, Place
from services.writer.protocol import Fenced
from services.writer.sinks.postgres.connection import Connection
from shared.events import Origin

_READ = "SELECT topic, partition, next_offset FROM offsets WHERE cluster = $1 AND consumer = $2 AND topic = ANY($3)"
_INSERT = """
INSERT INTO offsets (cluster, consumer, topic, partition, next_offset)
SELECT $1, $2, t, p, o FROM unnest($3::text[], $4::int[], $5::bigint[]) AS u (t, p, o) ORDER BY t, p
ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT o.topic, o.partition, o.next_offset
FROM offsets o JOIN unnest($3::text[], $4::int[]) AS u (t, p) ON o.topic = u.t AND o.partition = u.p
WHERE o.cluster = $1 AND o.consumer = $2 ORDER BY o.topic, o.partition FOR UPDATE OF o
"""
_MOVE = """
UPDATE offsets o SET next_offset = u.o FROM unnest($3::text[], $4::int[], $5::bigint[]) AS u (t, p, o)
WHERE o.cluster = $1 AND o.consumer = $2 AND o.topic = u.t AND o.partition = u.p
"""
_GAP = """
INSERT INTO log_gaps (cluster, stage, topic, partition, first_lost, next_kept) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_MARKS = """
SELECT topic, partition, raw_partition, epoch, raw_offset, raw_index FROM marks
WHERE cluster = $1 AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))
"""
_SET_MARKS = """
INSERT INTO marks (cluster, topic, partition, raw_partition, epoch, raw_offset, raw_index)
SELECT $1, * FROM unnest($2::text[], $3::int[], $4::int[], $5::bigint[], $6::bigint[], $7::int[])
ON CONFLICT (cluster, topic, partition, raw_partition)
DO UPDATE SET epoch = excluded.epoch, raw_offset = excluded.raw_offset, raw_index = excluded.raw_index
"""


class Positions:
    """The positions of one consumer in one cluster, as this replica last saw them."""

    def __init__(self, cluster: str, consumer: str) -> None:
        self._id = (cluster, consumer)
        self._seen: dict[Place, int] = {}
        self.marks: dict[MarkKey, Origin] = {}

    def forget(self, places: Collection[Place]) -> None:
        """Drops what is remembered of the places."""
        gone = set(places)
        for place in gone:
            self._seen.pop(place, None)
        for key in [key for key in self.marks if key[:2] in gone]:
            del self.marks[key]

    async def load(self, connection: Connection, logs: Mapping[Place, tuple[int, int]]) -> dict[Place, int]:
        """Where to go on; a stored position that the log no longer has is written down as a gap and moved to its first offset."""
        rows = await connection.fetch(_READ, *self._id, sorted({topic for topic, _ in logs}))
        stored = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        for place, (first, end) in logs.items():
            position = stored.get(place, first)
            if not first <= position <= end:
                await self._step_over(connection, place, position, first, end)
                position = first
            self._seen[place] = position
        await self._load_marks(connection, list(logs))
        return {place: self._seen[place] for place in logs}

    async def _step_over(self, connection: Connection, place: Place, position: int, first: int, end: int) -> None:
        async with connection.transaction():
            found = await self._lock(connection, {place: position})
            if found[place] != position:
                raise Fenced(f"{place[0]}/{place[1]} moved to {found[place]}")
            if position < first:
                await connection.execute(_GAP, self._id[0], self._id[1], *place, position, first)
            await connection.execute(_MOVE, *self._id, [place[0]], [place[1]], [first])

    async def _load_marks(self, connection: Connection, places: list[Place]) -> None:
        for row in await connection.fetch(_MARKS, self._id[0], [t for t, _ in places], [p for _, p in places]):
            topic, partition, raw, epoch, offset, index = row
            self.marks[topic, partition, raw] = Origin(epoch, raw, offset, index)

    async def begin(self, connection: Connection, places: Collection[Place]) -> None:
        """Locks the rows of the places, first of all in the transaction; raises `Fenced` if another replica has moved one."""
        if unread := [place for place in places if place not in self._seen]:
            raise Fenced(f"the position of {unread[0][0]}/{unread[0][1]} was not read since the connection was made")
        wanted = {place: self._seen[place] for place in sorted(places)}
        for place, found in (await self._lock(connection, wanted)).items():
            if found != wanted[place]:
                raise Fenced(f"{place[0]}/{place[1]} is at {found}, this batch starts at {wanted[place]}")

    async def _lock(self, connection: Connection, wanted: Mapping[Place, int]) -> dict[Place, int]:
        topics, partitions = [t for t, _ in wanted], [p for _, p in wanted]
        rows = await connection.fetch(_LOCK, *self._id, topics, partitions)
        if len(rows) < len(wanted):
            await connection.execute(_INSERT, *self._id, topics, partitions, list(wanted.values()))
            rows = await connection.fetch(_LOCK, *self._id, topics, partitions)
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def move(self, connection: Connection, offsets: Mapping[Place, int], marks: Mapping[MarkKey, Origin]) -> None:
        """The last step of the transaction."""
        await connection.execute(_MOVE, *self._id, [t for t, _ in offsets], [p for _, p in offsets], list(offsets.values()))
        moved = sorted((key, mark) for key, mark in marks.items() if self.marks.get(key) != mark)
        if moved:
            columns = [(*key, mark.epoch, mark.offset, mark.index) for key, mark in moved]
            await connection.execute(_SET_MARKS, self._id[0], *(list(column) for column in zip(*columns, strict=True)))

    def committed(self, offsets: Mapping[Place, int], marks: Mapping[MarkKey, Origin]) -> None:
        """The transaction is durable."""
        self._seen |= offsets
        self.marks = dict(marks)
