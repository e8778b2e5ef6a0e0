"""An idempotent producer of whole record batches; after one failure nothing further is sent, so no later record can pass a lost one.

A broker that does not know the producer accepts any first sequence: a refused first batch could be
followed by an accepted second one. So one batch of a partition is in flight until the partition has
acknowledged something of this producer (docs/adr/0001-commit-last.md).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.bus.connection import client_options
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.telemetry import metrics
from shared.telemetry.follow import followed, raw
from shared.telemetry.logs import log
from shared.topics import DEAD_LETTER_LIMIT, EVENTS_OF, Topic

Headers = Sequence[tuple[str, bytes]]
Entry = tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]  # key, value, headers, timestamp in ms
_NO_HEADERS: list[tuple[str, bytes]] = []
BATCH_BYTES = 256 * 1024
REQUEST_TIMEOUT_MS = 40_000
# Brokers forget a producer that was idle for a day; after an hour it counts as unknown.
KNOWN_SECONDS = 3600.0
# So many records are packed before whatever else waits gets its turn.
TURN_RECORDS = 256
# A tenth of the bytes for 0.4 us a tick; aiokafka asks lz4 for its level 9, which takes 2.8 us and leaves a seventh.
COMPRESSION = "zstd"


def fill(batch: BatchBuilder, records: Sequence[Entry], at: int, upto: int) -> int:
    """Appends the records from index `at` up to `upto`; returns the index of the first that was not taken, since the batch is full.

    What `BatchBuilder.append` does, without its cost for each record: a third of what packing one takes.
    """
    append, count = batch._builder.append, batch._relative_offset
    for index in range(at, upto):
        key, value, headers, timestamp = records[index]
        if append(count, timestamp, key, value, headers) is None:
            upto = index
            break
        count += 1
    batch._relative_offset = count
    return upto


async def _pack(client: AIOKafkaProducer, records: Sequence[Entry]) -> list[BatchBuilder]:
    """The records of one partition as batches; an empty batch takes a record of any size."""
    batches, at = [client.create_batch()], 0
    while at < len(records):
        await asyncio.sleep(0)
        upto = min(at + TURN_RECORDS, len(records))
        packed = fill(batches[-1], records, at, upto)
        if packed < upto:
            batches.append(client.create_batch())
        at = packed
    return batches


async def _abort(client: AIOKafkaProducer, fault: BaseException) -> None:
    """Ends the sender without what is still queued; waits for requests that are on their way."""
    await client._sender.close()
    queued = client._message_accumulator
    queued.fail_all(fault)
    queued._batches.clear()


class Producer:
    """Collects records per topic partition (`add`), hands them over in order (`push`), waits for all acknowledgements (`flush`)."""

    def __init__(self, kafka: Kafka, *, client_id: str) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._prefix = kafka.topic_prefix
        self._client: AIOKafkaProducer | None = None
        self._open: dict[tuple[str, int], list[Entry]] = {}
        self._sent: list[tuple[asyncio.Future[Any], int]] = []  # of a batch, and its records
        self._counts: Counter[str] = Counter()
        self._pushing = asyncio.Lock()
        self._last: dict[tuple[str, int], asyncio.Future[Any]] = {}  # batch of each partition
        self._known: dict[tuple[str, int], float] = {}  # when a partition last acknowledged one
        self._fault: BaseException | None = None

    @property
    def failed(self) -> bool:
        """Whether something was not acknowledged: nothing further is sent."""
        return self._fault is not None

    async def start(self) -> "Producer":
        """Connects; raises `Unavailable`."""
        self._client = AIOKafkaProducer(
            **client_options(self._kafka),
            client_id=self._client_id,
            compression_type=COMPRESSION,
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=DEAD_LETTER_LIMIT + 64 * 1024,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            await self._client.start()
        except KafkaError as fault:
            await self.stop()
            raise Unavailable(f"Kafka: {fault!r}") from fault
        return self

    async def stop(self) -> None:
        """Drops what was not pushed and closes the connection; after a failure, drops what was pushed and not sent too."""
        self._open.clear()
        client, self._client = self._client, None
        if client is None:
            return
        if self._fault is not None:
            await _abort(client, self._fault)
        await client.stop()

    async def __aenter__(self) -> "Producer":
        return await self.start()

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def partitions(self, topic: Topic) -> int:
        """How many partitions the topic has in the cluster."""
        return len(await self._connected().partitions_for(self._prefix + topic.name))

    def add(
        self, topic: Topic, partition: int, key: bytes | None, value: bytes | None, headers: Headers = (), timestamp_ms: int | None = None
    ) -> None:
        """Queues one record; it goes out with the next `push` or `flush`. `timestamp_ms` defaults to now, the production time."""
        at = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
        records = self._open.get((topic.name, partition))
        if records is None:
            records = self._open[topic.name, partition] = []
        records.append((key, value, list(headers) if headers else _NO_HEADERS, at))

    def extend(self, topic: Topic, partition: int, records: Sequence[Entry]) -> None:
        """Queues many records of one partition, as (key, value, headers, timestamp in ms): `add` without its cost per record."""
        if records:
            self._open.setdefault((topic.name, partition), []).extend(records)

    async def push(self) -> None:
        """Hands all queued records to the sender, in order within each partition; does not wait for their acknowledgement.

        All are packed first, so that the sender finds the batches of all partitions at once: one request instead of one for each.
        """
        async with self._pushing:  # while one packs, records that were queued later may not pass
            client = self._connected()
            opened, self._open = self._open, {}
            try:
                await self._submit(client, [(place, await _pack(client, records)) for place, records in opened.items()])
            except (KafkaError, AssertionError) as fault:  # the latter for a partition that the topic does not have
                self._fault = self._fault or fault
                raise Unavailable(f"Kafka: {fault!r}") from fault
            for (topic, _), records in opened.items():
                self._counts[topic] += len(records)

    async def _submit(self, client: AIOKafkaProducer, packed: list[tuple[tuple[str, int], list[BatchBuilder]]]) -> None:
        """The first batch of every partition, then the second ones: one waits for the one before it."""
        for number in range(max((len(batches) for _, batches in packed), default=0)):
            for place, batches in packed:
                if number < len(batches):
                    batch = batches[number]
                    if place in self._last and self._forgotten(place):
                        await asyncio.wait([self._last[place]])
                        self._connected()
                    sent = await client.send_batch(batch, self._prefix + place[0], partition=place[1])
                    sent.add_done_callback(partial(self._note, place))
                    self._last[place] = sent
                    self._sent.append((sent, batch.record_count()))

    def _forgotten(self, place: tuple[str, int]) -> bool:
        known = self._known.get(place)
        return known is None or time.monotonic() - known > KNOWN_SECONDS

    def _note(self, place: tuple[str, int], sent: "asyncio.Future[Any]") -> None:
        if not sent.cancelled() and (fault := sent.exception()) is not None:
            self._fault = self._fault or fault
        elif not sent.cancelled():
            self._known[place] = time.monotonic()

    async def flush(self) -> None:
        """Pushes and waits until everything is acknowledged; raises `Unavailable` and refuses further work if anything was not."""
        await self.push()
        sent, self._sent = self._sent, []
        outcomes = await asyncio.gather(*(future for future, _ in sent), return_exceptions=True)
        for outcome, (_, records) in zip(outcomes, sent, strict=True):
            if isinstance(outcome, BaseException):
                self._fault = self._fault or outcome
                raise Unavailable(f"Kafka did not acknowledge: {outcome!r}") from outcome
            self._follow(outcome, records)
        for topic, count in self._counts.items():
            metrics.RECORDS_OUT.labels(topic).inc(count)
        self._counts.clear()

    @property
    def unacknowledged(self) -> int:
        """Batches handed over and not yet acknowledged."""
        self._sent = [sent for sent in self._sent if not sent[0].done() or sent[0].cancelled() or sent[0].exception()]
        return len(self._sent)

    def _follow(self, acknowledged: Any, records: int) -> None:
        topic = acknowledged.topic.removeprefix(self._prefix)
        if topic in EVENTS_OF:
            for offset in followed(acknowledged.offset, acknowledged.offset + records):
                log().info("acknowledged", raw=raw(topic, acknowledged.partition, offset))

    def _connected(self) -> AIOKafkaProducer:
        if self._fault is not None:
            raise Unavailable(f"Kafka did not acknowledge: {self._fault!r}") from self._fault
        if self._client is None:
            raise Unavailable("the producer is not connected")
        return self._client
