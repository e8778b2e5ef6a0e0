"""A consumer-group member whose partitions deliver nothing until their owner has loaded a position and sought there.

aiokafka delivers records while `on_partitions_assigned` still awaits and swallows its exceptions, so the callback only marks and
pauses; the loop that polls does the rest. FastStream keeps the connection and the subscription; its handlers are not used, since they
swallow exceptions and are not called on an empty poll (docs/adr).
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared import tasks
from shared.bus.behind import Behind
from shared.bus.connection import TopicPartition
from shared.bus.security import security
from shared.bus.topic_ids import topic_ids
from shared.errors import Unavailable
from shared.records import Record
from shared.settings import Kafka
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.topics import DEAD_LETTER_LIMIT, Topic

FETCH_BYTES = 4 * 1024 * 1024
MEASURE_SECONDS = 3.0
METADATA_MS = 10_000  # a topic that was made anew is assigned again within that time
MOVE_SECONDS = 30.0


class Stale(Exception):
    """The partition may be another member's by now: read its position again, if it is still assigned."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Marks; never awaits, so nothing can run between the assignment and the mark but a fetch whose records are discarded."""

    def __init__(self, owner: "Consumer") -> None:
        self._owner = owner

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._owner.lose()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._owner.gain(assigned)


class Consumer:
    """Polls the partitions of one group member. `uninitialised` wants a `seek`; `generation` grows with every rebalance.

    A sticky member keeps what it can of its partitions when others come and go.
    """

    def __init__(
        self,
        kafka: Kafka,
        *,
        group: str,
        topics: Collection[Topic],
        max_poll_ms: int = 300_000,
        partition_bytes: int = max(FETCH_BYTES, DEAD_LETTER_LIMIT + 64 * 1024),
        fetch_bytes: int = 52_428_800,
        sticky: bool = False,
    ) -> None:
        self._prefix = kafka.topic_prefix
        self._topics = [self._prefix + topic.name for topic in topics]
        self.group = kafka.topic_prefix + group
        self._broker = KafkaBroker(
            kafka.bootstrap_servers,
            security=security(kafka),
            consumer_only=True,
            allow_auto_create_topics=False,
            client_id=group,
            metadata_max_age_ms=METADATA_MS,
            logger=None,
        )
        self._subscriber = self._broker.subscriber(
            *self._topics,
            batch=True,
            group_id=self.group,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="none",
            listener=_Listener(self),
            partition_assignment_strategy=(StickyPartitionAssignor if sticky else RangePartitionAssignor,),
            session_timeout_ms=kafka.session_timeout_ms,
            heartbeat_interval_ms=max(kafka.session_timeout_ms // 4, 1000),
            max_poll_interval_ms=max_poll_ms,
            max_partition_fetch_bytes=partition_bytes,
            fetch_max_bytes=fetch_bytes,
            fetch_max_wait_ms=100,
        )
        self.uninitialised: set[TopicPartition] = set()
        self.generation = 0
        self._ids: dict[str, str] = {}  # of topics, as of when their positions were read
        self.missing: frozenset[str] = frozenset()  # topics that the cluster does not have
        self._ready: set[TopicPartition] = set()
        self._behind = Behind[TopicPartition]()
        self._shown: set[tuple[str, str, str]] = set()
        self._measuring: asyncio.Task[None] | None = None
        self.settled = False  # false while the group decides anew who owns what

    async def start(self) -> None:
        """Joins the group; raises `Unavailable`."""
        try:
            await self._broker.start()
        except KafkaError as fault:
            raise Unavailable(f"Kafka: {fault!r}") from fault
        self._begin_measuring()

    async def stop(self) -> None:
        """Leaves the group."""
        measuring, self._measuring = self._measuring, None
        if measuring is not None:
            measuring.cancel()
        self.lose()
        await self._broker.stop()

    def lose(self) -> None:
        """All partitions are gone; what was read of them and not committed belongs to the next owner."""
        self.generation += 1
        self.settled = False
        self._ready.clear()
        self.uninitialised.clear()
        self._behind.keep(())
        self._show({})
        metrics.ASSIGNED.set(0)

    def gain(self, assigned: Collection[TopicPartition]) -> None:
        """Assigned partitions stay paused until `seek`."""
        self.generation += 1
        self.settled = True
        self._ready.clear()
        self.uninitialised = set(assigned)
        metrics.REBALANCES.inc()
        if assigned:
            self._client.pause(*assigned)
        for partition in assigned:  # else each poll fails for want of a committed offset
            self._client.seek(partition, 0)

    def restart(self, partitions: Collection[TopicPartition]) -> None:
        """Back to uninitialised, as after a failure that leaves their positions unknown."""
        mine = [tp for tp in partitions if tp in self._ready]
        self._ready.difference_update(mine)
        self.uninitialised.update(mine)
        if mine:
            self._client.pause(*mine)

    def seek(self, partition: TopicPartition, offset: int, done: int | None = None) -> None:
        """Starts delivery at `offset`; everything below `done` (by default `offset`) is done. A partition lost meanwhile is left alone."""
        if partition not in self.uninitialised and partition not in self._ready:
            return
        try:
            self._client.seek(partition, offset)
            self._client.resume(partition)
        except IllegalStateError:
            return
        self.uninitialised.discard(partition)
        self._ready.add(partition)
        self._behind.done(partition, offset if done is None else done)

    @property
    def ready(self) -> frozenset[TopicPartition]:
        """The partitions that deliver."""
        return frozenset(self._ready)

    def topic_of(self, partition: TopicPartition) -> str:
        """The table's name of the partition's topic."""
        return str(partition.topic).removeprefix(self._prefix)

    async def poll(self, timeout_ms: int, max_records: int, wanted: Collection[TopicPartition] = ()) -> dict[TopicPartition, list[Record]]:
        """Records of initialised partitions, by default of all, in offset order; raises `Unavailable`.

        A position outside the log restarts its partition.
        """
        few = wanted if len(wanted) < len(self._ready) else ()
        try:
            polled = await self._client.getmany(*few, timeout_ms=timeout_ms, max_records=max_records)
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as fault:
            outside = fault.args[0]
            self.restart(list(outside) if isinstance(outside, dict) else [outside])
            return {}
        except KafkaError as fault:
            raise Unavailable(f"Kafka: {fault!r}") from fault
        delivered: dict[TopicPartition, list[Record]] = {tp: records for tp, records in polled.items() if tp in self._ready}
        for tp, records in delivered.items():
            metrics.RECORDS_IN.labels(self.topic_of(tp)).inc(len(records))
            self._behind.polled(tp, records[0].timestamp, records[-1].offset + 1)
        return delivered

    @property
    def fault(self) -> str | None:
        """What keeps it from reading at all: topics that do not exist."""
        return f"not in the cluster: {', '.join(sorted(self.missing))}" if self.missing else None

    async def topic_ids(self) -> dict[str, str]:
        """The ids of the topics that exist, by the table's names; raises `Unavailable`.

        Call it before positions are read: a topic that is made anew after that restarts its
        partitions.
        """
        found = await topic_ids(self._client._client, self._topics)
        self._compare(found)
        self._ids = found
        return {name.removeprefix(self._prefix): topic_id for name, topic_id in self._ids.items()}

    async def range(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """The log's [first, end) offsets; raises `Unavailable`."""
        try:
            first = await self._client.beginning_offsets(list(partitions))
            end = await self._client.end_offsets(list(partitions))
        except (KafkaError, TimeoutError) as fault:
            raise Unavailable(f"Kafka: {fault!r}") from fault
        return {tp: (first[tp], end[tp]) for tp in partitions}

    def handled(self, polled: Mapping[TopicPartition, Sequence[Record]]) -> None:
        """Records that are done for a group without offsets, which reads what it needs anew: it is not behind in them."""
        for partition, records in polled.items():
            self._behind.done(partition, records[-1].offset + 1)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """The group's offsets, for lag display only: a failed commit loses nothing and is left to the next one."""
        mine: dict[Any, int] = {tp: offset for tp, offset in offsets.items() if tp in self._ready}
        if not mine:
            return
        for tp, offset in mine.items():
            self._behind.done(tp, offset)
        try:
            await self._client.commit(mine)
        except KafkaError as fault:
            metrics.COMMIT_FAILURES.inc()
            raise Unavailable(f"commit: {fault!r}") from fault

    async def move(self, partition: TopicPartition, offset: int, metadata: str, generation: int) -> None:
        """Moves the group's offset where it is the position itself; raises `Stale` unless the partition was held since `generation`."""
        if generation != self.generation or partition not in self._ready:
            raise Stale(f"{partition.topic}/{partition.partition} was assigned anew")
        try:
            async with asyncio.timeout(MOVE_SECONDS):
                await self._client.commit({partition: (offset, metadata)})
        except (CommitFailedError, IllegalGenerationError, IllegalStateError, RebalanceInProgressError, UnknownMemberIdError) as fault:
            raise Stale(f"{partition.topic}/{partition.partition}: {fault!r}") from fault
        except (KafkaError, TimeoutError) as fault:
            metrics.COMMIT_FAILURES.inc()
            raise Unavailable(f"commit: {fault!r}") from fault
        self._behind.done(partition, offset)

    def hold(self) -> None:
        """Nothing is delivered until `release`; the member keeps polling, so that it stays one."""
        if self._ready:
            self._client.pause(*self._ready)

    def release(self) -> None:
        """Delivers again."""
        if self._ready:
            self._client.resume(*self._ready)

    async def _measure(self) -> None:
        """Shows how far the owned partitions are behind, until cancelled; while Kafka does not answer, what was last known."""
        while True:
            with suppress(Unavailable):
                await self._look()
            await asyncio.sleep(MEASURE_SECONDS)

    def _begin_measuring(self) -> None:
        self._measuring = tasks.start(self._measure())
        self._measuring.add_done_callback(self._measured)

    def _measured(self, task: asyncio.Task[None]) -> None:
        """It ends only when it is cancelled: after any fault, it begins again."""
        if not task.cancelled() and self._measuring is task:
            task.get_loop().call_later(MEASURE_SECONDS, self._measure_again, task)

    def _measure_again(self, former: asyncio.Task[None]) -> None:
        if self._measuring is former:
            self._begin_measuring()

    async def _look(self) -> None:
        self._compare(await topic_ids(self._client._client, self._topics))
        held = [*self._ready, *self.uninitialised]
        try:
            ends = await self._client.end_offsets(held) if held else {}
        except (KafkaError, TimeoutError) as fault:
            raise Unavailable(f"Kafka: {fault!r}") from fault
        now = time.time()
        self._show({tp: found for tp, end in ends.items() if (found := self._behind.measure(tp, end, now)) is not None})

    def _compare(self, ids: Mapping[str, str]) -> None:
        """Partitions of a topic that was made anew restart: their positions are of another log."""
        self.missing = frozenset(topic.removeprefix(self._prefix) for topic in self._topics if topic not in ids)
        anew = {topic for topic, known in self._ids.items() if ids.get(topic, known) != known}
        if anew:
            log().error("topics were deleted and made anew", topics=sorted(anew))
            for topic in anew:
                del self._ids[topic]
            self.restart([tp for tp in self._ready if tp.topic in anew])
        self._ids = {**ids, **self._ids}

    def _show(self, behind: Mapping[TopicPartition, tuple[int, float]]) -> None:
        """Only these partitions stay in the gauges."""
        shown = {(self.group, self.topic_of(tp), str(tp.partition)): found for tp, found in behind.items()}
        for labels in self._shown - shown.keys():
            metrics.LAG.remove(*labels)
            metrics.LAG_SECONDS.remove(*labels)
        for labels, (records, seconds) in shown.items():
            metrics.LAG.labels(*labels).set(records)
            metrics.LAG_SECONDS.labels(*labels).set(seconds)
        self._shown = set(shown)

    @property
    def _client(self) -> AIOKafkaConsumer:
        client = self._subscriber.consumer
        if client is None:
            raise Unavailable("the consumer is not started")
        return client
