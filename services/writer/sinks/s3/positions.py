"""Where each chain goes on: at the group's offset, behind an object that was stored and not committed, or at the archive's own end."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import NamedTuple, TypeVar

from services.writer.sinks.s3.uploads import known
from shared.archive import layout
from shared.archive.store import Store
from shared.backoff import delay
from shared.bus import admin
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.topics import TOPICS

GROUP = "s3"
_TOPICS = {topic.name: topic for topic in TOPICS}
Partition = tuple[str, int]  # the table's topic, partition

Result = TypeVar("Result")
ATTEMPTS = 6


class Position(NamedTuple):
    """The first offset of the next object, and its hour where that is settled; `ahead`: an object is stored that the group's offset is
    not behind yet. `topic_id` is the id of the topic that the chain is of, empty where that was not written down."""

    start: int
    hour: str
    ahead: bool
    topic_id: str


def note(hour: str, topic_id: str) -> str:
    """What is committed with an offset: the next object's hour, where it is settled, and the topic's id."""
    return f"{hour}@{topic_id}"


class Positions:
    """Reads positions for one cluster and topic prefix."""

    def __init__(self, kafka: Kafka, store: Store, cluster: str) -> None:
        self._kafka, self._store, self._cluster = kafka, store, cluster

    def place(self, partition: Partition) -> layout.Place:
        """The partition's chain."""
        return layout.place(self._cluster, self._kafka.topic_prefix, _TOPICS[partition[0]], partition[1])

    async def load(self, partitions: Collection[Partition]) -> dict[Partition, Position]:
        """Positions of the partitions that have one; raises `Unavailable`. The log's ends are read afterwards."""
        topics = [_TOPICS[name] for name in sorted({name for name, _ in partitions})]
        committed = await admin.committed(self._kafka, GROUP, topics)
        found = await self._ends({partition for partition in partitions if partition not in committed})
        for partition in partitions:
            if partition not in committed:
                continue
            offset, said = committed[partition]
            hour, _, topic_id = said.partition("@")
            if hour and (stored := await self._known(self.place(partition).key(hour, offset))):
                found[partition] = Position(stored.end, "", True, topic_id or stored.topic_id)
            else:
                found[partition] = Position(offset, hour, False, topic_id)
        return found

    async def _ends(self, partitions: Collection[Partition]) -> dict[Partition, Position]:
        """The ends of the chains that the archive has, found by listing."""
        newest: dict[Partition, layout.Named] = {}
        for topic in sorted({name for name, _ in partitions}):
            for found in await retried(partial(self._listed, self.place((topic, 0)).folder)):
                name = layout.named(found)
                if name is None or (key := (topic, name.place.partition)) not in partitions:
                    continue
                if key not in newest or newest[key].first < name.first:
                    newest[key] = name
        ends = {}
        for partition, name in newest.items():
            if stored := await self._known(name.place.key(name.hour, name.first)):
                ends[partition] = Position(stored.end, "", True, stored.topic_id)
        return ends

    async def _listed(self, folder: str) -> list[str]:
        return [found.key async for found in self._store.objects(folder)]

    async def _known(self, key: str) -> layout.Span | None:
        return await retried(lambda: known(self._store, key))


async def retried(ask: Callable[[], Awaitable[Result]]) -> Result:
    """What the endpoint answers, asked again where it is briefly unavailable: positions take many questions."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return await ask()
        except Unavailable:
            await asyncio.sleep(delay(attempt))
    return await ask()
