"""Which sources are this replica's: those whose partition of pipeline.sources.v1 the group gave it, as they were last asked for.

While the group decides anew nothing changes hands: a source goes on where it is until somebody else surely has its partition.
"""

import msgspec

from services.fetcher.ended import Ended, Key
from shared.bus import Log
from shared.bus.consumer import Consumer
from shared.errors import Unavailable
from shared.events import Hole, SourceRecord, SourceState, SourceWanted
from shared.frames import FAULTS
from shared.partitioning import partition
from shared.records import Record, credible
from shared.settings import Kafka
from shared.telemetry.logs import log
from shared.topics import SOURCES

POLL_MS, POLL_RECORDS = 200, 1000
_decode = msgspec.json.Decoder(SourceRecord).decode


def home(source: str) -> int:
    """The partition of pipeline.sources.v1 that holds a source."""
    return partition(source.encode(), SOURCES.partitions)


class Leases:
    """One member of the group `fetcher-sources`. `wanted` and `epochs` are what the owned partitions say of each source."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._consumer = self._new_consumer()
        self.connected = False
        self.wanted: dict[str, SourceWanted] = {}
        self.epochs: dict[str, int] = {}
        self._holes = Ended()

    async def turn(self) -> None:
        """Takes what has changed, waiting a moment for it; raises `Unavailable`."""
        if not self.connected:
            await self._connect()
        if self._consumer.uninitialised:
            await self._load()
        polled = await self._consumer.poll(POLL_MS, POLL_RECORDS)
        for place, records in polled.items():
            self._take(place.partition, records)
        self._consumer.handled(polled)
        await self._holes.sweep(self._kafka, SOURCES, [tp.partition for tp in self._consumer.ready])

    def owns(self, source: str) -> bool:
        """Whether the source may be started here."""
        return home(source) in {tp.partition for tp in self._consumer.ready}

    def lost(self, source: str) -> bool:
        """Whether the source surely belongs to somebody else."""
        return self._consumer.settled and home(source) not in self._assigned()

    def asked_at(self, source: str) -> int:
        """When the source was last asked for at run time, as far as this replica has followed; us, 0 for never."""
        wanted = self.wanted.get(source)
        return wanted.at if wanted else 0

    @property
    def share(self) -> float:
        """The part of all partitions that is this replica's; 0 while that is not known."""
        return len(self._assigned()) / SOURCES.partitions

    async def close(self) -> None:
        """Leaves the group."""
        if self.connected:
            await self._consumer.stop()

    def _assigned(self) -> set[int]:
        return {tp.partition for tp in self._consumer.ready | self._consumer.uninitialised}

    def _new_consumer(self) -> Consumer:
        return Consumer(self._kafka, group="fetcher-sources", topics=[SOURCES], sticky=True)

    async def _connect(self) -> None:
        self._consumer = self._new_consumer()
        try:
            await self._consumer.start()
        except Unavailable:
            await self._consumer.stop()
            raise
        self.connected = True

    async def _load(self) -> None:
        """Reads each new partition from its start."""
        wanted = sorted(self._consumer.uninitialised, key=lambda tp: tp.partition)
        async with Log(self._kafka) as reader:
            ranges = await reader.ranges(SOURCES, [tp.partition for tp in wanted])
            for place in wanted:
                first, end = ranges[place.partition]
                async for records in reader.read(SOURCES, place.partition, first, end):
                    self._take(place.partition, records)
                if place not in self._consumer.uninitialised:
                    return  # rebalanced meanwhile
                self._consumer.seek(place, end)
        log().info("source partitions taken", partitions=[tp.partition for tp in wanted])

    def _take(self, place: int, records: list[Record]) -> None:
        for record in records:
            key = Key(place, record.key or b"")
            if record.value is None:
                self._holes.discard(key)
                continue
            try:
                said = _decode(record.value)
            except FAULTS:
                continue
            if not credible(_named(said), record):
                log().error("a source's record names a time that cannot be", key=str(record.key), offset=record.offset)
                continue
            if isinstance(said, SourceWanted):
                known = self.wanted.get(said.source)
                self.wanted[said.source] = said if known is None or said.at >= known.at else known
            elif isinstance(said, Hole):
                if said.state == "open":
                    self._holes.discard(key)
                else:
                    self._holes.add(key, said.ended_at or said.found_at)
            elif isinstance(said, SourceState):
                self.epochs[said.source] = max(said.epoch, self.epochs.get(said.source, 0))


def _named(said: SourceWanted | SourceState | Hole) -> int:
    """The time or epoch that decides which record of a source holds."""
    if isinstance(said, SourceState):
        return max(said.epoch, said.at)
    return said.at if isinstance(said, SourceWanted) else said.found_at
