"""Records that requests bring, towards Kafka: bounded, in few batches, and no request waits longer than it was told to.

`send` returns once its records are acknowledged. `offer` never waits: what finds the queue full is dropped and counted. After a failure a
new producer sends the offered records again, so they may be in the log twice; their readers know them by their ids.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from shared.backoff import delay
from shared.bus.producer import Producer
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.topics import Topic

Item = tuple[Topic, int, bytes, bytes]  # topic, partition, key, value
Headers = Sequence[tuple[str, bytes]]
SEND_SECONDS = 10.0
CLOSE_SECONDS = 3.0
GATHER_SECONDS = 1.0


class Outlet:
    """`run` does the sending; at most `most` records wait, and as many are sent at a time."""

    def __init__(self, kafka: Kafka, health: Health, *, client_id: str, most: int = 10_000) -> None:
        self._kafka, self._health, self._client_id, self._most = kafka, health, client_id, most
        self._producer: Producer | None = None
        self._offered: list[tuple[Item, Headers]] = []
        self._sent: list[tuple[Sequence[Item], Headers, asyncio.Future[None]]] = []
        self._sent_records = 0
        self._wake, self._asked, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()

    def offer(self, item: Item, headers: Headers = ()) -> bool:
        """Takes a record if there is room; says whether there was."""
        if len(self._offered) >= self._most:
            metrics.DROPPED.inc()
            return False
        self._offered.append((item, headers))
        if len(self._offered) * 4 >= self._most:
            self._asked.set()
        self._begin()
        return True

    async def send(self, items: Sequence[Item], headers: Headers = ()) -> None:
        """All with these headers; returns when all are acknowledged; raises `Unavailable`, and then some may yet come to be in the log."""
        if self._sent_records + len(items) > self._most:
            raise Unavailable("too many events wait for Kafka; send them again")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sent.append((items, headers, done))
        self._sent_records += len(items)
        self._asked.set()
        self._begin()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await done
        except TimeoutError as fault:
            raise Unavailable("Kafka did not acknowledge in time; send the events again") from fault

    async def run(self) -> None:
        """Sends until cancelled."""
        attempt = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._pass_on()
                attempt = 0
                self._health.working("outlet")
            except Exception as fault:  # noqa: BLE001 whatever it is, the next records are sent
                if isinstance(fault, Unavailable):
                    log().warning("events wait", reason=str(fault), waiting=len(self._offered))
                else:
                    log().error("events could not be sent", exc_info=fault)
                self._health.retrying("outlet", str(fault) or repr(fault))
                metrics.RETRIES.labels("kafka").inc()
                await self._drop_producer()
                await asyncio.sleep(delay(attempt))
                attempt += 1
                self._wake.set()

    async def close(self) -> None:
        """Waits a moment for what is under way, then closes the connection."""
        self._asked.set()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            log().warning("left without sending all", waiting=len(self._offered))
        await self._drop_producer()

    def _begin(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def _pass_on(self) -> None:
        with suppress(TimeoutError):  # few batches where nobody waits
            async with asyncio.timeout(GATHER_SECONDS):
                await self._asked.wait()
        self._asked.clear()
        offered, self._offered = self._offered, []
        sent, self._sent, self._sent_records = self._sent, [], 0
        asked = [done for *_, done in sent]
        try:
            await self._publish([*offered, *((item, headers) for items, headers, _ in sent for item in items)])
        except Exception as fault:
            if isinstance(fault, Unavailable):
                self._offered = (offered + self._offered)[: self._most]
            else:  # they would fail again
                metrics.DROPPED.inc(len(offered))
            for done in asked:
                if not done.done():
                    done.set_exception(Unavailable(str(fault) or repr(fault)))
            raise
        for done in asked:
            if not done.done():
                done.set_result(None)
        if not self._offered and not self._sent:
            self._idle.set()

    async def _publish(self, records: Sequence[tuple[Item, Headers]]) -> None:
        producer = await self._connected()
        for (topic, partition, key, value), headers in records:
            producer.add(topic, partition, key, value, headers)
        await producer.flush()

    async def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = await Producer(self._kafka, client_id=self._client_id).start()
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
