"""Offsets and marks: read at the start, locked and moved in the transaction that did the work, never from another value than read.

A position belongs to one log: the topic's id is stored with it. A topic that was deleted and made
anew has another id, and is read from its first offset.
"""

from collections.abc import Collection, Mapping

from services.writer.batch import MarkKey, Place
from services.writer.protocol import Fenced
from services.writer.sinks.postgres.connection import Connection
from shared.events import Origin
from shared.telemetry.logs import log

_READ = "SELECT topic, partition, next_offset, topic_id FROM offsets WHERE cluster = $1 AND consumer = $2 AND topic = ANY($3)"
_INSERT = """
INSERT INTO offsets (cluster, consumer, topic, partition, next_offset, topic_id)
SELECT $1, $2, t, p, o, i FROM unnest($3::text[], $4::int[], $5::bigint[], $6::text[]) AS u (t, p, o, i) ORDER BY t, p
ON CONFLICT DO NOTHING
"""
# A row of before topic ids were stored is of the topic that is there now.
_ADOPT = """
UPDATE offsets o SET topic_id = u.i FROM unnest($3::text[], $4::int[], $5::text[]) AS u (t, p, i)
WHERE o.cluster = $1 AND o.consumer = $2 AND o.topic = u.t AND o.partition = u.p AND o.topic_id = '' AND u.i <> ''
"""
_LOCK = """
SELECT o.topic, o.partition, o.next_offset, o.topic_id
FROM offsets o JOIN unnest($3::text[], $4::int[]) AS u (t, p) ON o.topic = u.t AND o.partition = u.p
WHERE o.cluster = $1 AND o.consumer = $2 ORDER BY o.topic, o.partition FOR UPDATE OF o
"""
_MOVE = """
UPDATE offsets o SET next_offset = u.o FROM unnest($3::text[], $4::int[], $5::bigint[]) AS u (t, p, o)
WHERE o.cluster = $1 AND o.consumer = $2 AND o.topic = u.t AND o.partition = u.p
"""
_ANEW = """
UPDATE offsets SET next_offset = $5, topic_id = $6 WHERE cluster = $1 AND consumer = $2 AND topic = $3 AND partition = $4
"""
_FORGET_MARKS = "DELETE FROM marks WHERE cluster = $1 AND topic = $2 AND partition = $3"
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
        self._topic_ids: dict[Place, str] = {}
        self._read: dict[Place, tuple[int | None, str]] = {}  # position and topic id, as stored
        self.marks: dict[MarkKey, Origin] = {}

    def forget(self, places: Collection[Place]) -> None:
        """Drops what is remembered of the places."""
        gone = set(places)
        for place in gone:
            self._seen.pop(place, None)
        for key in [key for key in self.marks if key[:2] in gone]:
            del self.marks[key]

    async def read(self, connection: Connection, places: Mapping[Place, str]) -> None:
        """Reads the stored positions of the places, whose topics have these ids; `load` decides."""
        stored = await self._stored(connection, places)
        wanted = [(*place, topic_id) for place, topic_id in sorted(places.items())]
        if any(place in stored and not stored[place][1] for place in places):
            await connection.execute(_ADOPT, *self._id, *map(list, zip(*wanted, strict=True)))
        for place, topic_id in places.items():
            position, known = stored.get(place, (None, topic_id))
            self._topic_ids[place] = topic_id or known
            self._read[place] = position, known or topic_id

    async def _stored(self, connection: Connection, places: Collection[Place]) -> dict[Place, tuple[int, str]]:
        rows = await connection.fetch(_READ, *self._id, sorted({topic for topic, _ in places}))
        return {(row["topic"], row["partition"]): (row["next_offset"], row["topic_id"]) for row in rows}

    async def load(self, connection: Connection, logs: Mapping[Place, tuple[int, int]]) -> dict[Place, int]:
        """Where to go on; a stored position that the log no longer has is written down as a gap and moved to its first offset."""
        if unread := {place: "" for place in logs if place not in self._read}:
            await self.read(connection, unread)
        for place, (first, end) in logs.items():
            known, topic_id = self._read.pop(place)
            position = first if known is None else known
            if topic_id != self._topic_ids[place] or not first <= position <= end:
                await self._step_over(connection, place, (position, topic_id), first)
                position = first
            self._seen[place] = position
        await self._load_marks(connection, list(logs))
        return {place: self._seen[place] for place in logs}

    async def _step_over(self, connection: Connection, place: Place, stored: tuple[int, str], first: int) -> None:
        """From a position that the log does not have, or of an earlier log, to the log's first offset."""
        (position, former), topic_id = stored, self._topic_ids[place]
        async with connection.transaction():
            found = await self._lock(connection, {place: position})
            if found[place] not in (stored, (position, "")):
                raise Fenced(f"{place[0]}/{place[1]} moved to {found[place][0]}")
            if former != topic_id:
                log().error("a topic was made anew", topic=place[0], partition=place[1], read=position)
                await connection.execute(_FORGET_MARKS, self._id[0], *place)
                self.marks = {key: mark for key, mark in self.marks.items() if key[:2] != place}
            elif position < first:
                await connection.execute(_GAP, self._id[0], self._id[1], *place, position, first)
            await connection.execute(_ANEW, *self._id, *place, first, topic_id)

    async def _load_marks(self, connection: Connection, places: list[Place]) -> None:
        for row in await connection.fetch(_MARKS, self._id[0], [t for t, _ in places], [p for _, p in places]):
            topic, partition, raw, epoch, offset, index = row
            self.marks[topic, partition, raw] = Origin(epoch, raw, offset, index)

    async def begin(self, connection: Connection, places: Collection[Place]) -> None:
        """Locks the rows of the places, first of all in the transaction; raises `Fenced` if another replica has moved one."""
        if unread := [place for place in places if place not in self._seen]:
            raise Fenced(f"the position of {unread[0][0]}/{unread[0][1]} was not read since the connection was made")
        wanted = {place: self._seen[place] for place in sorted(places)}
        for place, (found, topic_id) in (await self._lock(connection, wanted)).items():
            if found != wanted[place] or topic_id != self._topic_ids.get(place, topic_id):
                raise Fenced(f"{place[0]}/{place[1]} is at {found}, this batch starts at {wanted[place]}")

    async def _lock(self, connection: Connection, wanted: Mapping[Place, int]) -> dict[Place, tuple[int, str]]:
        topics, partitions = [t for t, _ in wanted], [p for _, p in wanted]
        rows = await connection.fetch(_LOCK, *self._id, topics, partitions)
        if len(rows) < len(wanted):
            ids = [self._topic_ids.get(place, "") for place in wanted]
            await connection.execute(_INSERT, *self._id, topics, partitions, list(wanted.values()), ids)
            rows = await connection.fetch(_LOCK, *self._id, topics, partitions)
        return {(row["topic"], row["partition"]): (row["next_offset"], row["topic_id"]) for row in rows}

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
