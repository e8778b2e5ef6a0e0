"""Reads partitions by offset, outside any consumer group."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from types import TracebackType

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared import skips
from shared.bus.connection import TopicPartition, client_options
from shared.errors import Unavailable
from shared.events import Skip
from shared.records import Record
from shared.settings import Kafka
from shared.topics import DEAD_LETTER_LIMIT, SKIPS, Topic

_STEP = 500


class Log:
    """One reader; partitions are assigned call by call, so a `Log` serves one caller at a time. `partition_bytes` at most are fetched at
    once, but always a whole batch."""

    def __init__(self, kafka: Kafka, *, partition_bytes: int = DEAD_LETTER_LIMIT + 64 * 1024) -> None:
        self._prefix = kafka.topic_prefix
        self._client = AIOKafkaConsumer(
            **client_options(kafka),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=partition_bytes,
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> "Log":
        try:
            await self._client.start()
        except KafkaError as fault:
            await self._client.stop()
            raise Unavailable(f"Kafka: {fault!r}") from fault
        await asyncio.sleep(0)  # aiokafka's stop is taken for a cancellation where its task has not begun
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.stop()

    async def ranges(self, topic: Topic, partitions: Collection[int] | None = None) -> dict[int, tuple[int, int]]:
        """[first, end) of each partition (all of them by default); raises `Unavailable`."""
        tps = [TopicPartition(self._prefix + topic.name, p) for p in (range(topic.partitions) if partitions is None else partitions)]
        try:
            first, end = await self._client.beginning_offsets(tps), await self._client.end_offsets(tps)
        except (KafkaError, TimeoutError) as fault:
            raise Unavailable(f"Kafka: {fault!r}") from fault
        return {tp.partition: (first[tp], end[tp]) for tp in tps}

    async def since(self, topic: Topic, partition: int, at_ms: int) -> int:
        """The offset of the first record stamped at or after a time, the end where there is none; raises `Unavailable`."""
        tp = TopicPartition(self._prefix + topic.name, partition)
        try:
            found = (await self._client.offsets_for_times({tp: at_ms}))[tp]
            return int(found.offset) if found is not None else int((await self._client.end_offsets([tp]))[tp])
        except (KafkaError, TimeoutError) as fault:
            raise Unavailable(f"Kafka: {fault!r}") from fault

    async def read(self, topic: Topic, partition: int, start: int, end: int) -> AsyncIterator[list[Record]]:
        """Batches of the records in [start, end), or up to the log's end where that is before; raises `Unavailable`.

        Compacted offsets are simply absent.
        """
        tp = TopicPartition(self._prefix + topic.name, partition)
        self._client.assign([tp])
        self._client.seek(tp, start)
        position = start
        while position < end:
            try:
                polled = await self._client.getmany(tp, timeout_ms=1000, max_records=end - position)
                position = await self._client.position(tp)
                if not polled:  # what is not there does not come
                    end = min(end, (await self._client.end_offsets([tp]))[tp])
            except (KafkaError, TimeoutError) as fault:
                raise Unavailable(f"Kafka: {fault!r}") from fault
            if records := [record for record in polled.get(tp, []) if start <= record.offset < end]:
                yield records

    async def skips(self, partitions: Collection[int]) -> list[Skip]:
        """What operators have set aside in partitions of these numbers, of any topic; raises `Unavailable`."""
        spans = await self.ranges(SKIPS, sorted({number % SKIPS.partitions for number in partitions}))
        read = [self.read(SKIPS, number, first, end) for number, (first, end) in spans.items() if first < end]
        return list(skips.latest([record for batches in read async for records in batches for record in records]).values())

    async def latest(
        self,
        topic: Topic,
        partition: int,
        key: bytes,
        readable: Callable[[Record], bool] = lambda record: True,
    ) -> Record | None:
        """The newest readable record of `key` in a compacted partition, found from the end backwards in growing steps."""
        first, end = (await self.ranges(topic, [partition]))[partition]
        upto, step = end, _STEP
        while upto > first:
            start, found = max(first, upto - step), None
            async for records in self.read(topic, partition, start, upto):
                found = next((one for one in reversed(records) if one.key == key and readable(one)), None) or found
            if found is not None:
                return found
            upto, step = start, step * 4
        return None
