"""Looks now and then at whether the store agrees with itself, beside the writer and in a session of its own; it only reads."""

import asyncio
import time
from contextlib import suppress

from services.writer.sinks.postgres import audits
from services.writer.sinks.postgres.connection import Connection, connect, quiet
from shared.aggregations.candles import Key
from shared.backoff import delay
from shared.errors import Unavailable
from shared.settings import Settings
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health

MOST_CANDLES = 2_000
MOST_FAULTY = 500
STATEMENT_SECONDS = 10


class Audit:
    """What was found astray is looked at again until it is right, so an alert does not end because time has passed."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._settings, self._health = settings, health
        self._faulty: set[Key] = set()
        self._standing: set[tuple[str, str]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Audits until `stop`; waits out what is unavailable."""
        attempt = 0
        while not stop.is_set():
            try:
                await self._session(stop)
            except Unavailable as fault:
                log().warning("the audit waits", reason=str(fault))
                self._health.retrying("audit", str(fault))
                await asyncio.sleep(delay(attempt))
                attempt += 1

    async def _session(self, stop: asyncio.Event) -> None:
        database = self._settings.database
        connection = await connect(database.url.get_secret_value(), database.schema_name)
        try:
            with quiet():
                await connection.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
            while not stop.is_set():
                with quiet():
                    await self._look(connection)
                self._health.working("audit")
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.writer.audit_seconds):
                        await stop.wait()
        finally:
            connection.terminate()

    async def _look(self, connection: Connection) -> None:
        for source, difference in (await audits.imbalance(connection)).items():
            metrics.IMBALANCE.labels(metrics.sources.of(source)).set(difference)
        differing, looked_at = await audits.astray(connection, MOST_CANDLES, self._faulty)
        if new := differing.keys() - self._faulty:
            log().error("candles and rows differ", windows=[(*key, differing[key]) for key in sorted(new)[:20]], more=max(0, len(new) - 20))
        self._faulty = set(sorted(differing)[:MOST_FAULTY])
        for source, rows in audits.by_source(differing, looked_at).items():
            metrics.ROWS_ASTRAY.labels(metrics.sources.of(source)).set(rows)
        standing = await audits.standing(connection)
        for flag, source in self._standing | standing.keys():
            metrics.STANDING.labels(flag, metrics.sources.of(source)).set(standing.get((flag, source), 0))
        self._standing = set(standing)
        metrics.DATABASE_BYTES.set(await audits.size(connection))
        metrics.AUDITED.set(time.time())
