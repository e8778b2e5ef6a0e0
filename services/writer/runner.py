"""Moves batches from Kafka into a sink. The sink's own positions decide where to read; the group's offsets are for lag display only.

While one batch is written the next is read and prepared; it is dropped, and read again, if the first one fails. A batch that the store
refuses is read again too, and `halving` finds the record that is to blame.
"""

import asyncio
from time import monotonic

from services.writer.batch import Place
from services.writer.halving import Halving
from services.writer.protocol import Fenced, Refused, Sink, Write
from shared import tasks
from shared.backoff import delay
from shared.bus import Log, TopicPartition
from shared.bus.consumer import Consumer
from shared.errors import Unavailable
from shared.records import Record
from shared.settings import Kafka
from shared.skips import REASON, Skips, of
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.turns import Turns

POLL_MS = 200
MORE_MS = 5
# A batch that takes longer makes the next one smaller: whoever comes after it waits for so long.
BATCH_SECONDS, LEAST_RECORDS, FIRST_RECORDS = 1.0, 500, 2_000


class Runner:
    """One group member writing into one sink."""

    def __init__(self, kafka: Kafka, sink: Sink, health: Health, *, group: str, batch_records: int) -> None:
        self._sink, self._health = sink, health
        self._halving = Halving(sink, batch_records)
        self._kafka = kafka
        self._consumer = Consumer(kafka, group=group, topics=sink.topics)
        self._limit, self._most = batch_records, min(batch_records, FIRST_RECORDS)
        self._turns = Turns[TopicPartition](2 * batch_records, batch_records)
        self._skips: dict[TopicPartition, Skips] = {}
        self._generation = 0
        self._writing: asyncio.Task[None] | None = None
        self.connected = False

    async def fault(self) -> str | None:
        """Why nothing can be read; None when it can."""
        return self._consumer.fault if self.connected else "not connected to Kafka or the store"

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; the last batch is finished."""
        attempt = 0
        while not stop.is_set():
            self._health.beat("writer")
            try:
                await self._turn()
                attempt = 0
            except Fenced as fault:
                log().warning("another replica moved the position", reason=str(fault))
                metrics.FENCED.inc()
                await self._restart()
            except Refused as fault:
                self._halving.begin(fault)
                await self._restart()
            except Unavailable as fault:
                log().warning("taken up again from the stored position", reason=str(fault), attempt=attempt)
                metrics.RETRIES.labels("store").inc()
                self._health.retrying("writer", str(fault))
                await self._restart()
                await asyncio.sleep(delay(attempt))
                attempt += 1
        try:
            await self._written()
        except (Fenced, Refused, Unavailable) as fault:
            log().warning("left without the last batch", reason=str(fault))
        if self.connected:
            await self._consumer.stop()
        await self._sink.close()

    async def _turn(self) -> None:
        await self._sink.connect()
        if not self.connected:
            await self._consumer.start()
            self.connected = True
        if self._consumer.generation != self._generation:
            self._generation = self._consumer.generation
            await self._restart()
        self._turns.keep(self._consumer.ready)
        if self._consumer.uninitialised:
            await self._initialise()
        polled = await self._collect()
        if any(self._skips.values()):
            await self._set_aside(polled)
        if not polled or self._consumer.generation != self._generation:
            await self._written()
            if self._consumer.settled and not self._consumer.uninitialised:
                self._health.working("writer")  # everything read is stored
            return
        count = sum(map(len, polled.values()))
        metrics.BATCH_RECORDS.observe(count)
        ends = {tp: records[-1].offset + 1 for tp, records in polled.items()}
        if self._halving.active:
            await self._carefully(polled, ends)
            return
        write = await self._sink.prepare({self._place(tp): records for tp, records in polled.items()})
        del polled  # what was made of it is all that is held until it is written
        await self._written()
        self._writing = tasks.start(self._write(write, ends, count), expected=(Fenced, Refused, Unavailable))

    async def _set_aside(self, polled: dict[TopicPartition, list[Record]]) -> None:
        """A batch ends before a record that is to be skipped; one that begins with it is a dead letter, and what follows is read again."""
        for tp in [tp for tp in polled if self._skips.get(tp)]:
            records, aside = polled[tp], self._skips[tp]
            at = next((index for index, record in enumerate(records) if record.offset in aside), len(records))
            if at == len(records) or self._consumer.generation != self._generation:
                continue
            if at:
                polled[tp] = records[:at]
                self._again(tp, records[at].offset)
                continue
            await self._written()
            record = records[0]
            log().warning("a record is skipped", topic=tp.topic, partition=tp.partition, offset=record.offset, why=aside[record.offset].why)
            await self._sink.reject(self._place(tp), record, aside[record.offset].why, REASON)
            self._again(tp, record.offset + 1)
            del polled[tp]

    def _again(self, partition: TopicPartition, offset: int) -> None:
        self._turns.drop(partition)
        self._consumer.seek(partition, offset)

    async def _write(self, write: Write, ends: dict[TopicPartition, int], count: int) -> None:
        began = monotonic()
        await write()
        if (seconds := monotonic() - began) > BATCH_SECONDS:
            self._most = max(LEAST_RECORDS, int(count * BATCH_SECONDS / seconds))
        elif seconds < BATCH_SECONDS / 2 and 2 * count > self._most:
            self._most = min(self._limit, self._most * 2)
        await self._committed(ends)

    async def _committed(self, ends: dict[TopicPartition, int]) -> None:
        """Moves the group's offsets, which only show the lag."""
        self._health.working("writer")
        try:
            await self._consumer.commit(ends)
        except Unavailable as fault:
            log().warning("lag is shown late", reason=str(fault))

    async def _carefully(self, polled: dict[TopicPartition, list[Record]], ends: dict[TopicPartition, int]) -> None:
        """Stores the batch before the next is read; part of it is read again if another member may have the partitions by now."""
        await self._written()

        def goes_on() -> bool:
            self._health.beat("writer")
            return self._consumer.generation == self._generation

        if await self._halving.store({self._place(tp): records for tp, records in polled.items()}, goes_on):
            await self._committed(ends)
        else:
            await self._restart()

    async def _written(self) -> None:
        """Waits for the batch that is being written; raises what its write raised."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _collect(self) -> dict[TopicPartition, list[Record]]:
        """A batch of what waits and of what is there already: as much of each partition, so that none waits for all of another's."""
        wait_ms = 0 if self._turns.records else POLL_MS
        while room := self._turns.room:
            ready = self._consumer.ready
            wanted = self._turns.wanted(ready, self._most)
            if ready and not wanted:
                break
            polled = await self._consumer.poll(wait_ms, min(room, self._most), wanted)
            if self._consumer.generation != self._generation:
                return {}
            self._turns.add(polled)
            if not polled:
                break
            wait_ms = MORE_MS
        return {tp: list(records) for tp, records in self._turns.batch(min(self._most, self._halving.most)).items()}

    async def _initialise(self) -> None:
        await self._written()
        ids = await self._consumer.topic_ids()
        wanted = [tp for tp in self._consumer.uninitialised if self._consumer.topic_of(tp) in ids]
        await self._sink.read({self._place(tp): ids[self._consumer.topic_of(tp)] for tp in wanted})
        logs = await self._consumer.range(wanted)  # after the positions: none is beyond its end
        positions = await self._sink.positions({self._place(tp): span for tp, span in logs.items()})
        async with Log(self._kafka) as reader:
            skips = await reader.skips({partition.partition for partition in wanted})
        for partition in wanted:
            place = self._place(partition)
            self._skips[partition] = of(skips, place[0], ids[place[0]], place[1], positions[place])
            self._consumer.seek(partition, positions[place])
        log().info("partitions taken", partitions=len(wanted))
        metrics.ASSIGNED.set(len(self._consumer.ready))

    async def _restart(self) -> None:
        """Every partition is read anew from its stored position, whatever comes of a batch still being written."""
        try:
            await self._written()
        except (Fenced, Refused, Unavailable) as fault:
            log().warning("a batch was not written", reason=str(fault))
        self._turns.keep(())
        self._sink.forget([self._place(tp) for tp in self._consumer.ready])
        self._consumer.restart(self._consumer.ready)

    def _place(self, partition: TopicPartition) -> Place:
        return self._consumer.topic_of(partition), partition.partition
