"""The loop between Kafka and the archive: read, put into drafts, store what is whole. The group's offsets are the positions.

Invariant: what is held is bounded: at the limit nothing is read until something is stored. A partition has one object on its way at most.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic
from typing import NamedTuple

from msgspec import structs

from services.writer.sinks.s3.pending import Draft, Limits, Pending
from services.writer.sinks.s3.positions import GROUP, Position, Positions, note
from services.writer.sinks.s3.uploads import adopt, upload
from services.writer.sinks.s3.watch import Watch
from shared import tasks
from shared.archive.layout import Place
from shared.archive.store import Store
from shared.backoff import delay
from shared.bus import Log, TopicPartition
from shared.bus.admin import cluster_id
from shared.bus.consumer import Consumer, Stale
from shared.errors import Unavailable
from shared.records import Record
from shared.settings import Settings
from shared.skips import Skips, of
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.topics import TOPICS

POLL_MS = 200
POLL_RECORDS = 10_000
PARTITION_BYTES, FETCH_BYTES = 1024 * 1024, 8 * 1024 * 1024
STOP_SECONDS = 7.0
NAMED = 5
_TOPICS = {topic.name: topic for topic in TOPICS}


class Sent(NamedTuple):
    """What is on its way for a partition: a draft, or only the position behind an object that a former owner stored."""

    task: asyncio.Task[int]
    draft: Draft | None
    first: int


class Archiver:
    """One member of the group that archives."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._settings, self._s3, self._health = settings, settings.s3, health
        self._limits = Limits(self._s3.object_bytes, self._s3.object_records, self._s3.object_seconds)
        self._generation = self._attempt = 0
        self._pending: dict[TopicPartition, Pending] = {}
        self._places: dict[TopicPartition, Place] = {}
        self._skips: dict[TopicPartition, Skips] = {}
        self._uploads: dict[TopicPartition, Sent] = {}
        self._refused: dict[TopicPartition, str] = {}
        self._ids: dict[TopicPartition, str] = {}  # of the topic that is archived
        self._room = asyncio.Semaphore(settings.s3.uploads)
        self._consumer = Consumer(settings.kafka, group=GROUP, topics=TOPICS, partition_bytes=PARTITION_BYTES, fetch_bytes=FETCH_BYTES)
        self._connected = self._held_back = False
        self._watch = Watch()
        health.add("kafka", self._said)
        health.add("archive", self._late)

    async def _said(self) -> str | None:
        if self._refused:
            return "; ".join(self._refused.values())
        return self._consumer.fault if self._connected else "not connected to Kafka or S3"

    async def _late(self) -> str | None:
        late = self._watch.late(monotonic())
        return f"{len(late)} partitions wait: {'; '.join(late[:NAMED])}" if late else None

    def _look(self) -> None:
        """What each partition waits for: it is said when that takes too long."""
        now = monotonic()
        waits = {f"{tp.topic}/{tp.partition}": "its position is not found" for tp in self._consumer.uninitialised - self._refused.keys()}
        waits |= {f"{tp.topic}/{tp.partition}": f"what starts at {sent.first} is not stored" for tp, sent in self._uploads.items()}
        self._watch.look(now, waits)
        if late := self._watch.say(now):
            log().warning("partitions wait", partitions=len(late), longest=late[:NAMED])

    async def run(self, stop: asyncio.Event) -> None:
        """Archives until `stop`; waits out what is unavailable, a member of its group all the while."""
        kafka = self._settings.kafka
        async with Store(self._s3) as store:
            self._store = store
            while not stop.is_set():
                self._health.beat("archive")
                self._look()
                try:
                    if not self._connected:
                        self._positions = Positions(kafka, store, await cluster_id(kafka))
                        await self._consumer.start()
                        self._connected = True
                    await self._turn()
                    if self._consumer.settled and not self._consumer.uninitialised:
                        self._health.working("archive")
                except Unavailable as fault:
                    log().warning("waits", reason=str(fault), attempt=self._attempt)
                    self._health.retrying("archive", str(fault))
                    metrics.RETRIES.labels("archive").inc()
                    await asyncio.sleep(delay(self._attempt))
                    self._attempt += 1
            if self._connected:
                await self._leave()
                await self._drop()
                await self._consumer.stop()

    async def _turn(self) -> None:
        if self._consumer.generation != self._generation:
            self._generation = self._consumer.generation
            await self._drop()
            self._consumer.restart(self._consumer.ready)
        self._collect()
        if wanted := [tp for tp in self._consumer.uninitialised if tp not in self._refused and tp not in self._uploads]:
            await self._initialise(wanted)
        self._make_room()
        polled = await self._consumer.poll(POLL_MS, POLL_RECORDS)
        if self._consumer.generation != self._generation:
            return
        if lost := polled.keys() - self._pending.keys():  # passed by, and read again
            log().error("records came of partitions without a position", partitions=[f"{tp.topic}/{tp.partition}" for tp in lost])
            self._consumer.restart(lost)
        if any(self._skips.values()):
            polled = {tp: [record for record in records if record.offset not in self._skips.get(tp, ())] for tp, records in polled.items()}
        now = monotonic()
        if polled or any(pending.due(now, self._limits) for pending in self._pending.values()):
            await asyncio.to_thread(self._take, polled, now)
        self._send()

    async def _initialise(self, wanted: Sequence[TopicPartition]) -> None:
        """Positions of partitions that are new, or whose upload ended elsewhere; of none that has one on its way."""
        ids = await self._consumer.topic_ids()
        name = {tp: (self._consumer.topic_of(tp), tp.partition) for tp in wanted if self._consumer.topic_of(tp) in ids}
        found = await self._positions.load(name.values())
        logs = await self._consumer.range(list(name))  # after the positions: none is beyond its end
        async with Log(self._settings.kafka) as reader:
            skips = await reader.skips({tp.partition for tp in wanted})
        if self._consumer.generation != self._generation:
            return
        self._attempt = 0
        for tp in name:
            first, end = logs[tp]
            topic_id = ids[name[tp][0]]
            start, hour, ahead, former = found.get(name[tp], Position(first, "", False, topic_id))
            if start > end or (former and topic_id and former != topic_id):
                self._refused[tp] = f"{tp.topic}/{tp.partition} ends at {end}, its archive at {start}: was the topic made anew?"
                log().error("a partition is not archived", reason=self._refused[tp], topic_id=topic_id, archived=former)
                continue
            self._ids[tp] = topic_id
            self._places[tp] = self._positions.place(name[tp])
            self._pending[tp] = Pending(_TOPICS[name[tp][0]], start, hour)
            left_out = [skip for skip in skips if skip.archive]
            self._skips[tp] = of(left_out, name[tp][0], topic_id, tp.partition, start)
            self._consumer.seek(tp, max(first, start))
            if ahead:
                self._uploads[tp] = Sent(tasks.start(self._adopt(tp, start), expected=(Stale, Unavailable)), None, start)
        metrics.ARCHIVE_REFUSED.set(len(self._refused))
        metrics.ASSIGNED.set(len(self._consumer.ready))
        log().info("partitions taken", partitions=len(wanted))

    def _take(self, polled: Mapping[TopicPartition, Sequence[Record]], now: float) -> None:
        for tp, records in polled.items():
            if tp in self._pending:
                self._pending[tp].add(records, now, self._limits)
        for pending in self._pending.values():
            if pending.due(now, self._limits):
                pending.close()

    def _make_room(self) -> None:
        """Reads no further while too much is held; from three quarters on the largest drafts are closed."""
        held = sum(pending.held for pending in self._pending.values())
        metrics.ARCHIVE_HELD.set(held)
        if held > self._s3.memory_bytes * 3 // 4 and len(self._uploads) < self._s3.uploads:
            largest = max(self._pending.values(), key=lambda pending: pending.draft.held if pending.draft else 0)
            largest.close()
        if held >= self._s3.memory_bytes and not self._held_back:
            self._consumer.hold()
        elif held < self._s3.memory_bytes and self._held_back:
            self._consumer.release()
        self._held_back = held >= self._s3.memory_bytes

    def _send(self) -> None:
        """Starts what is whole, one object a partition."""
        for tp, pending in self._pending.items():
            if pending.complete and tp not in self._uploads:
                draft = pending.complete[0]
                self._uploads[tp] = Sent(tasks.start(self._upload(tp, draft), expected=(Stale, Unavailable)), draft, draft.writer.first)

    async def _adopt(self, tp: TopicPartition, end: int) -> int:
        return await adopt(self._places[tp], end, partial(self._move, tp, self._generation))

    async def _upload(self, tp: TopicPartition, draft: Draft) -> int:
        async with self._room:
            body, made = await asyncio.to_thread(draft.finish)
            made = structs.replace(made, topic_id=self._ids[tp])
            move = partial(self._move, tp, self._generation)
            return await upload(self._store, self._places[tp], draft.hour, body, made, move)

    async def _move(self, tp: TopicPartition, generation: int, offset: int, hour: str) -> None:
        await self._consumer.move(tp, offset, note(hour, self._ids[tp]), generation)

    def _collect(self) -> None:
        """What uploads came to: the chain goes on, or the partition is read anew from where another owner left it."""
        for tp in [tp for tp, sent in self._uploads.items() if sent.task.done()]:
            (task, draft, _), pending = self._uploads.pop(tp), self._pending[tp]
            try:
                end = task.result()
            except Stale as fault:
                log().warning("another replica has the partition", reason=str(fault))
                metrics.FENCED.inc()
                end = -1
            if end == (draft.writer.end if draft else pending.start):
                if draft:
                    pending.complete.popleft()
                    pending.start, pending.settled = end, ""
                    metrics.ARCHIVED.labels(pending.topic.name).inc(draft.records)
            else:
                del self._pending[tp]
                self._consumer.restart([tp])

    async def _leave(self) -> None:
        """Stores what is held, as far as time allows: what remains is read again."""
        with_time = monotonic() + STOP_SECONDS
        for pending in self._pending.values():
            pending.close()
        while (self._uploads or any(pending.complete for pending in self._pending.values())) and monotonic() < with_time:
            self._send()
            tasks = [sent.task for sent in self._uploads.values()]
            await asyncio.wait(tasks, timeout=max(0.0, with_time - monotonic()), return_when=asyncio.FIRST_COMPLETED)
            self._collect()

    async def _drop(self) -> None:
        """Nothing is held any longer; an object on its way is adopted by whoever comes to its place."""
        uploads, self._uploads = [sent.task for sent in self._uploads.values()], {}
        for task in uploads:
            task.cancel()
        await asyncio.gather(*uploads, return_exceptions=True)
        self._pending.clear()
        self._refused.clear()
        self._held_back = False
