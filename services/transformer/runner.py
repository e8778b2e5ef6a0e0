"""Moves records between Kafka and one transform a raw partition. Order: outputs acknowledged, checkpoint acknowledged, group offset.

A failure drops all state: the partitions restart from their last checkpoint, and what is published again is identical.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from services.transformer import checkpoint as checkpoints
from services.transformer.checkpoint import Checkpoint
from services.transformer.outputs import Output
from services.transformer.protocol import Transform
from shared.backoff import delay
from shared.bus import Log, Producer, TopicPartition
from shared.bus.consumer import Consumer
from shared.bus.producer import Entry
from shared.errors import Unavailable
from shared.records import Record, header
from shared.settings import Kafka
from shared.skips import Skips, of, split
from shared.telemetry import metrics, traces
from shared.telemetry.follow import followed, raw
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.topics import CHECKPOINTS, MARKET_RAW, TOPICS
from shared.turns import Turns

Make = Callable[[int, Checkpoint], Transform]
POLL_MS = 200
POLL_RECORDS = 20_000
STEP_RECORDS = 2_000  # of a partition, at most, before the others have their turn
SLOW_SECONDS, YIELD_SECONDS = 1.0, 0.01
UNACKNOWLEDGED = 64  # batches in flight before the loop waits for them
_place = attrgetter("topic", "partition")


class Runner:
    """One group member; `run` returns when `stop` is set, everything done being checkpointed."""

    def __init__(self, kafka: Kafka, makes: Mapping[str, Make], health: Health, *, group: str, checkpoint_seconds: float) -> None:
        """`makes` has a way to make a transform for each raw topic's name."""
        self._kafka, self._makes, self._health = kafka, makes, health
        self._group, self._pause = group, checkpoint_seconds
        self._consumer = Consumer(kafka, group=group, topics=[topic for topic in TOPICS if topic.name in makes])
        self._producer = self._new_producer()
        self._turns = Turns[TopicPartition](POLL_RECORDS, STEP_RECORDS)
        self._states: dict[TopicPartition, Transform] = {}
        self._done: dict[TopicPartition, int] = {}
        self._ids: dict[TopicPartition, str] = {}  # of the log that a state is of
        self._skips: dict[TopicPartition, Skips] = {}
        self._generation = 0
        self._due = 0.0
        self.connected = False

    async def fault(self) -> str | None:
        """Why nothing can be read; None when it can."""
        return self._consumer.fault if self.connected else "not connected to Kafka"

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; waits out what is unavailable."""
        attempt = 0
        while not stop.is_set():
            self._health.beat("transformer")
            try:
                await self._turn()
                attempt = 0
            except Unavailable as fault:
                self._health.retrying("transformer", str(fault))
                await self._recover(fault, attempt)
                attempt += 1
        await self._leave()

    async def _turn(self) -> None:
        if not self.connected:
            await self._producer.start()
            await self._consumer.start()
            self.connected = True
        if self._consumer.generation != self._generation:
            self._rebalanced()
        self._turns.keep(self._consumer.ready)  # a partition that is read anew begins with its position
        if self._consumer.uninitialised:
            await self._initialise()
        await self._poll()
        for partition, records in self._turns.round():
            if self._consumer.generation == self._generation:
                await self._step(partition, records)
        await self._producer.push()
        if self._producer.unacknowledged > UNACKNOWLEDGED:
            await self._producer.flush()
        if time.monotonic() >= self._due:
            await self._checkpoint()

    async def _poll(self) -> None:
        """Adds what is there to what waits; waits for records where there are none."""
        room, ready = self._turns.room, self._consumer.ready
        wanted = self._turns.wanted(ready, 2 * STEP_RECORDS)
        may = room and (wanted or not ready)
        polled = await self._consumer.poll(0 if self._turns.records else POLL_MS, room, wanted) if may else {}
        self._turns.add(polled)
        self._observe(sum(map(len, polled.values())))

    async def _step(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        """However slow records are, the group hears of this member after some, and what is done is kept."""
        if (state := self._states.get(partition)) is None:
            return
        before, begun = state.next_offset, time.time_ns()
        self._take(partition, state, records)
        self._report(partition, state)
        self._follow(partition, before, state)
        if traces.on():
            self._trace(partition, records, begun)
        seconds = (time.time_ns() - begun) / 1e9
        self._turns.took(partition, len(records), seconds)
        slow = seconds > SLOW_SECONDS
        await asyncio.sleep(YIELD_SECONDS if slow else 0)  # heartbeats get their turn
        if slow:
            await self._checkpoint()

    def _take(self, partition: TopicPartition, state: Transform, records: Sequence[Record]) -> None:
        aside = self._skips.get(partition)
        if not aside:
            self._add(state.step(records))
            return
        for run, skipped in split(records, aside):
            self._add(state.step(run))
            if skipped is not None:
                why = aside[skipped.offset].why
                log().warning("a record is skipped", partition=str(partition), offset=skipped.offset, why=why)
                self._add(state.skip(skipped, why))

    def _observe(self, records: int) -> None:
        if records:
            metrics.BATCH_RECORDS.observe(records)
        elif not self._turns.records and self._consumer.settled and not self._consumer.uninitialised and not self._producer.unacknowledged:
            self._health.working("transformer")  # everything read is published

    def _report(self, partition: TopicPartition, state: Transform) -> None:
        topic = self._consumer.topic_of(partition)
        for fault in state.faults():
            log().error("an exception rejected a record", raw=raw(topic, partition.partition, fault.offset), trace=fault.trace)

    def _follow(self, partition: TopicPartition, before: int, state: Transform) -> None:
        topic = self._consumer.topic_of(partition)
        for offset in followed(before, state.next_offset):
            log().info("transformed", raw=raw(topic, partition.partition, offset))

    def _trace(self, partition: TopicPartition, records: Sequence[Record], begun: int) -> None:
        for record in records:
            if record.headers and (parent := header(record.headers, traces.HEADER)):
                traces.tell("transform", parent, begun, raw=raw(self._consumer.topic_of(partition), partition.partition, record.offset))

    def _new_producer(self) -> Producer:
        return Producer(self._kafka, client_id=self._group)

    def _add(self, published: Sequence[Output]) -> None:
        """Queues them in their order; those that follow each other into one partition together."""
        now = time.time_ns() // 1_000_000
        for (topic, number), outputs in groupby(published, _place):
            records: list[Entry] = []
            for output in outputs:
                if output.many:
                    records += [(key, value, [], now) for key, value in output.many]
                else:
                    at = now if output.timestamp_ms is None else output.timestamp_ms
                    records.append((output.key, output.value, list(output.headers), at))
            self._producer.extend(topic, number, records)

    def _rebalanced(self) -> None:
        """Every rebalance takes all partitions away and gives some back, uninitialised."""
        self._generation = self._consumer.generation
        self._consumer.restart(self._consumer.ready)  # those that were initialised while the group decided anew
        self._turns.keep(())
        self._states.clear()
        self._done.clear()
        self._skips.clear()
        metrics.WATERMARK.clear()

    async def _initialise(self) -> None:
        """Loads each new partition's checkpoint and seeks to where its windows begin."""
        ids = await self._consumer.topic_ids()
        topic = self._consumer.topic_of
        new = sorted(self._consumer.uninitialised, key=lambda tp: (tp.topic, tp.partition))
        wanted = [tp for tp in new if topic(tp) in ids]  # a topic that is gone is no longer assigned soon
        async with Log(self._kafka) as reader:
            found = {tp: await self._found(reader, tp) for tp in wanted}
            ranges = await self._consumer.range(wanted)  # after the checkpoints: none is beyond its end
            skips = await reader.skips({partition.partition for partition in wanted})
            for partition in wanted:
                kept, now = found[partition], time.time_ns() // 1_000_000
                at, hole = checkpoints.resume(kept, *ranges[partition], now, ids[topic(partition)])
                self._ids[partition] = at.topic_id
                if kept is None or (kept.epoch, kept.topic_id) != (at.epoch, at.topic_id):
                    self._save(partition, at)  # the epoch holds before its first output
                    await self._producer.flush()
                if partition not in self._consumer.uninitialised:
                    return  # rebalanced meanwhile
                name = topic(partition)
                self._skips[partition] = of(skips, name, at.topic_id, partition.partition, at.replay_from)
                state = self._states[partition] = self._makes[name](partition.partition, at)
                if hole:
                    log().error("the log lost records before they were read", partition=str(partition), first=hole[0], next=hole[1])
                    self._add(state.lost(*hole))
                self._done[partition] = at.next_offset
                self._consumer.seek(partition, at.replay_from, at.next_offset)
        log().info("partitions taken", partitions=[f"{self._consumer.topic_of(tp)}/{tp.partition}" for tp in wanted])
        metrics.ASSIGNED.set(len(self._consumer.ready))

    async def _found(self, reader: Log, partition: TopicPartition) -> Checkpoint | None:
        """The newest checkpoint that can be read: whatever else is under its key is passed over."""
        key = self._key(partition)
        record = await reader.latest(CHECKPOINTS, partition.partition, key, checkpoints.readable)
        return checkpoints.decode(record.value) if record and record.value else None

    async def _checkpoint(self) -> None:
        """Everything published is acknowledged first; then one record a partition that moved; then the group's offsets."""
        self._due = time.monotonic() + self._pause
        moved = {tp: state for tp, state in self._states.items() if state.next_offset != self._done.get(tp)}
        for state in moved.values():
            self._add(state.tally())
        await self._producer.flush()
        if not moved or self._consumer.generation != self._generation:
            return
        for partition, state in moved.items():
            self._save(partition, state.checkpoint())
        await self._producer.flush()
        self._done |= {tp: state.next_offset for tp, state in moved.items()}
        metrics.CHECKPOINTS.inc(len(moved))
        self._health.working("transformer")
        self._show()
        await self._consumer.commit({tp: state.next_offset for tp, state in moved.items()})

    def _save(self, partition: TopicPartition, at: Checkpoint) -> None:
        at = msgspec.structs.replace(at, topic_id=self._ids[partition])
        self._producer.add(CHECKPOINTS, partition.partition, self._key(partition), checkpoints.encode(at))

    def _key(self, partition: TopicPartition) -> bytes:
        return checkpoints.key(self._group, self._consumer.topic_of(partition), partition.partition)

    def _show(self) -> None:
        metrics.OPEN_WINDOWS.set(sum(len(state.windows) for state in self._states.values()))
        for partition, state in self._states.items():
            if self._consumer.topic_of(partition) == MARKET_RAW.name:
                for source, clock in state.clocks.items():
                    metrics.WATERMARK.labels(metrics.sources.of(source), str(partition.partition)).set(clock.watermark / 1e6)

    async def _recover(self, fault: Unavailable, attempt: int) -> None:
        """A failed send may not be followed by a later one: a new producer, and every partition from its checkpoint."""
        log().warning("taken up again from the checkpoint", reason=str(fault), attempt=attempt)
        metrics.RETRIES.labels("kafka").inc()
        self._turns.keep(())
        self._states.clear()
        self._done.clear()
        self._consumer.restart(self._consumer.ready)
        await self._producer.stop()
        self._producer = self._new_producer()
        await asyncio.sleep(delay(attempt))
        if self.connected:
            try:
                await self._producer.start()
            except Unavailable as still:
                log().warning("Kafka does not answer", reason=str(still))

    async def _leave(self) -> None:
        if not self.connected:
            return
        try:
            await self._checkpoint()
        except Unavailable as fault:
            log().warning("left without a last checkpoint", reason=str(fault))
        await self._consumer.stop()
        await self._producer.stop()
