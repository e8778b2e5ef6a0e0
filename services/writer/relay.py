"""Publishes the outbox: one relay at a time (advisory lock), in order, rows deleted once acknowledged; at least once, newest value last."""

import asyncio
import time

import asyncpg

from services.writer.sinks.postgres import outbox, trading_outbox
from services.writer.sinks.postgres.connection import Connection, connect, quiet
from services.writer.sinks.postgres.pieces import Failed, piece, set_aside
from shared.backoff import delay
from shared.bus import Producer
from shared.errors import Unavailable
from shared.settings import Settings
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.topics import TOPICS

_LOCK = 7_241_110_003
LIMIT = 2_000
MORE_BYTES = 48 * 1024  # that a broker takes beyond a topic's limit, less what a batch adds
IDLE_SECONDS = 0.1
STANDBY_SECONDS = 2.0


class Relay:
    """Runs beside the writer in every replica; the lock decides whose publishes."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._settings, self._health = settings, health
        self._topics = {topic.name: topic for topic in TOPICS}

    async def run(self, stop: asyncio.Event) -> None:
        """Publishes until `stop`; waits out what is unavailable."""
        attempt = 0
        while not stop.is_set():
            try:
                await self._session(stop)
                attempt = 0
            except Unavailable as fault:
                log().warning("the outbox waits", reason=str(fault))
                metrics.RETRIES.labels("outbox").inc()
                self._health.retrying("relay", str(fault))
                await asyncio.sleep(delay(attempt))
                attempt += 1

    async def _session(self, stop: asyncio.Event) -> None:
        database = self._settings.database
        connection = await connect(database.url.get_secret_value(), database.schema_name, holds=True)
        try:
            async with Producer(self._settings.kafka, client_id="relay") as producer:
                while not stop.is_set() and not await self._is_mine(connection):
                    self._health.beat("relay")
                    self._health.working("relay")
                    await asyncio.sleep(STANDBY_SECONDS)
                while not stop.is_set():
                    self._health.beat("relay")
                    published = await self._publish(connection, producer)
                    self._health.working("relay")
                    if not published:
                        await asyncio.sleep(IDLE_SECONDS)
        finally:
            connection.terminate()

    async def _is_mine(self, connection: Connection) -> bool:
        with quiet():
            return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1, hashtext(current_schema()))", _LOCK % 2**31))

    async def _add(self, connection: Connection, producer: Producer, row: asyncpg.Record) -> None:
        """Queues a record; one that Kafka would refuse is set aside, and deleted with those that are published."""
        name = f"{row['topic']}/{row['partition']}/{row['position']}"
        try:
            with piece(name):
                topic, (key, value, headers) = self._topics[row["topic"]], outbox.record(row)
                size = len(key or b"") + len(value) + sum(len(header) + len(said) for header, said in headers)
                if size > topic.limit + MORE_BYTES:
                    raise ValueError(f"{size} bytes are more than the topic takes")
                if row["partition"] not in range(topic.partitions):
                    raise ValueError("the topic has no such partition")
        except Failed as fault:
            log().error("a record is set aside", piece=fault.piece, reason=fault.reason)
            with quiet():
                await set_aside(connection, "relay", fault.piece, fault.reason)
            return
        producer.add(topic, row["partition"], key, value, headers)

    async def _publish(self, connection: Connection, producer: Producer) -> int:
        with quiet():
            waiting = await outbox.waiting(connection, LIMIT)
        metrics.OUTBOX.set(len(waiting))
        if not waiting:
            return 0
        with quiet():
            named = await trading_outbox.records(connection, waiting)
        for row in waiting:
            if row["ids"] is None:
                await self._add(connection, producer, row)
        now = time.time_ns() // 1_000_000
        for topic, partition, pairs in named:
            producer.extend(self._topics[topic], partition, [(key, value, [], now) for key, value in pairs])
        await producer.flush()
        with quiet():
            await outbox.done(connection, waiting)
        return len(waiting)
