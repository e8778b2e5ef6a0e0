"""How far a consumer group is behind the end of a topic, by the offsets it commits for display."""

import asyncio
from types import TracebackType

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.bus.connection import TopicPartition, client_options
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.topics import Topic


class Lag:
    """One reader of positions; a group that never committed is behind by everything that the log holds."""

    def __init__(self, kafka: Kafka) -> None:
        self._prefix, self._kafka = kafka.topic_prefix, kafka
        self._admin = AIOKafkaAdminClient(**client_options(kafka))
        self._client = AIOKafkaConsumer(**client_options(kafka), enable_auto_commit=False)

    async def __aenter__(self) -> "Lag":
        try:
            await self._admin.start()
            await self._client.start()
        except KafkaError as fault:
            await self.__aexit__(None, None, None)
            raise Unavailable(f"Kafka: {fault!r}") from fault
        await asyncio.sleep(0)  # aiokafka's stop is taken for a cancellation where its task has not begun
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self._admin.close()
        await self._client.stop()

    async def behind(self, group: str, topic: Topic) -> dict[int, int]:
        """Records per partition that the group has not committed; raises `Unavailable`."""
        name = self._prefix + topic.name
        partitions = [TopicPartition(name, number) for number in range(topic.partitions)]
        try:
            committed = await self._admin.list_consumer_group_offsets(self._prefix + group, partitions=partitions)
            first = await self._client.beginning_offsets(partitions)
            end = await self._client.end_offsets(partitions)
        except (KafkaError, TimeoutError) as fault:
            raise Unavailable(f"Kafka: {fault!r}") from fault
        known = {tp: found.offset for tp, found in committed.items() if found.offset >= 0}
        return {tp.partition: max(0, end[tp] - max(known.get(tp, 0), first[tp])) for tp in partitions}
