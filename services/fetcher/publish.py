"""Records towards Kafka in order, a bounded number unacknowledged. After a failure a new producer sends again what was not acknowledged.

Nothing after an unacknowledged record counts as sent: `acknowledge` returns when everything given so far is in the log. A record
that was stamped ahead of the broker's clock is stamped anew, so that it is taken once the clocks agree.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from shared.backoff import delay
from shared.bus import Producer
from shared.bus.faults import misdated
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.topics import Topic

# Key, value, headers, timestamp in ms.
Record = tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]
BYTES = 32 * 1024 * 1024


class Publisher:
    """One run's producer; waits out what is unavailable, for ever: cancel it to stop."""

    def __init__(self, kafka: Kafka, *, client_id: str, in_flight: int, health: Health | None = None) -> None:
        self._kafka, self._client_id, self._limit = kafka, client_id, in_flight
        self._health, self._loop = health, f"publisher {client_id}"
        self._producer: Producer | None = None
        self._held: list[tuple[Topic, int, Sequence[Record]]] = []
        self._held_records, self._held_bytes = 0, 0

    @property
    def full(self) -> bool:
        """Whether enough is unacknowledged to wait for it."""
        return self._held_records >= self._limit or self._held_bytes >= BYTES

    async def send(self, topic: Topic, partition: int, records: Sequence[Record]) -> None:
        """Hands records over, without waiting for their acknowledgement."""
        await self.send_all(topic, {partition: records})

    async def send_all(self, topic: Topic, groups: Mapping[int, Sequence[Record]]) -> None:
        """The same of several partitions together: one request instead of one for each."""
        for partition, records in groups.items():
            self._held.append((topic, partition, records))
            self._held_records += len(records)
            self._held_bytes += sum([len(value) for _, value, _, _ in records if value])
        try:
            producer = await self._connected()
            for partition, records in groups.items():
                producer.extend(topic, partition, records)
            await producer.push()
        except Unavailable as fault:
            await self._again(fault)

    async def acknowledge(self) -> None:
        """Waits until everything sent is in the log."""
        while self._held:
            try:
                await (await self._connected()).flush()
            except Unavailable as fault:
                await self._again(fault)
                continue
            self._held, self._held_records, self._held_bytes = [], 0, 0
        self._working()

    async def close(self) -> None:
        """Closes the connection; what was not acknowledged is dropped."""
        self._working()
        await self._disconnect()

    def _working(self) -> None:
        if self._health is not None:
            self._health.working(self._loop)

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    def _stamp_anew(self) -> None:
        """Stamps ahead of this clock become now: they were made by a clock that has been set back since, or by another one."""
        now = time.time_ns() // 1_000_000
        self._held = [
            (topic, place, [(key, value, headers, min(at, now)) for key, value, headers, at in records])
            for topic, place, records in self._held
        ]

    async def _connected(self) -> Producer:
        if self._producer is None:
            producer = Producer(self._kafka, client_id=self._client_id)
            self._producer = await producer.start()
        return self._producer

    async def _again(self, fault: Unavailable) -> None:
        """Everything held goes out once more through a new producer."""
        attempt = 0
        while True:
            log().warning("sent again", reason=str(fault), records=self._held_records, attempt=attempt)
            metrics.RETRIES.labels("kafka").inc()
            if self._health is not None:
                self._health.retrying(self._loop, str(fault))
            await self._disconnect()
            await asyncio.sleep(delay(attempt))
            attempt += 1
            if misdated(fault):
                self._stamp_anew()
            try:
                producer = await self._connected()
                for held in self._held:
                    producer.extend(*held)
                await producer.push()
                return
            except Unavailable as still:
                fault = still
