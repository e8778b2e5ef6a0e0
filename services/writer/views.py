"""Writes the derived views in S3: what each run came to, the days of daily runs, the prices of each minute's snapshots.

A view is made of what the store holds, so written again it is the same, and it is replaced when the store holds otherwise.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.writer import days, files
from services.writer.beside import keep
from services.writer.sinks.postgres import daily, views
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import piece
from shared import snapshots
from shared.archive.store import Store
from shared.archive.views import Views, uri
from shared.errors import Unavailable
from shared.settings import Settings
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.time import from_datetime, from_iso, to_iso


class Viewer:
    """Runs beside the writer in every replica, where a bucket is set; one at a time writes."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._database, self._s3, self._health = settings.database, settings.s3, health
        self._views = Views(settings.database.schema_name)

    async def run(self, stop: asyncio.Event) -> None:
        """Writes until `stop`; waits out what is unavailable."""
        async with Store(self._s3) as store:

            async def one(connection: Connection) -> bool:
                return await self._one(connection, store)

            await keep(self._database, self._health, "views", "views in S3", one, stop)

    async def _one(self, connection: Connection, store: Store) -> bool:
        async with connection.transaction():
            run = await views.wanted(connection)
            if run is None:
                return False
            with piece(run["run_id"]):
                told = await self._told(connection, store, dict(run))
                await views.written(connection, run, told)
        log().info("views of a run written", run_id=run["run_id"])
        return True

    async def _told(self, connection: Connection, store: Store, run: Mapping[str, Any]) -> dict[str, str]:
        """Writes what the run says; the addresses of what is its own, by name."""
        asked, tickers = files.asked(run["request"]) if run["run_kind"] == "daily" else (None, [])
        if asked is not None and run["status"] == "finished":
            for ticker in tickers:
                found = await daily.between(connection, run["source"], ticker, asked.start, asked.end)
                await self._put(store, {self._views.day(ticker, day.day): files.document(days.spelled(day, at)) for day, at in found})
        bodies, named = {}, {}
        result = json.loads(run["result"])
        if run["run_kind"] == "snapshot" and result:
            started_at = result["started_at"]
            named["prices"] = key = self._views.snapshot(from_iso(started_at))
            bodies[key] = prices(await views.snapshots(connection, started_at[:16]))
        named["run"] = key = self._views.run(run["run_id"])
        named = {name: uri(store.bucket, key) for name, key in named.items()}
        told = files.summary(run, asked, tickers) if run["run_kind"] == "daily" else summary(run, result, named)
        await self._put(store, bodies | {key: files.document(told)})
        return named

    async def _put(self, store: Store, bodies: Mapping[str, bytes]) -> None:
        places = asyncio.Semaphore(self._s3.uploads)

        async def put(key: str, body: bytes) -> None:
            async with places:
                await store.put(key, body, "application/json" if key.endswith(".json") else "text/csv")
                self._health.beat("views")

        try:
            async with asyncio.TaskGroup() as group:
                for key, body in bodies.items():
                    group.create_task(put(key, body))
        except* Unavailable as faults:
            raise Unavailable(str(faults.exceptions[0])) from faults


def prices(taken: Sequence[Mapping[str, Any]]) -> bytes:
    """The CSV of snapshots in their order, every attempt."""
    rows = [row for told in taken for row in snapshots.rows(snapshots.attempts(told))]
    return snapshots.text([list(snapshots.COLUMNS), *rows]).encode()


def summary(run: Mapping[str, Any], result: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    """What a run's view says, but for a daily run's, which is its file."""
    outputs = {"fills": run["fills_uri"], "summary": run["summary_uri"], **{n: at for n, at in named.items() if n != "run"}}
    return {
        **{name: run[name] for name in ("run_id", "run_kind", "source", "status", "message")},
        "start": to_iso(from_datetime(run["requested_at"])),
        "end": to_iso(from_datetime(run["finished_at"])),
        "sent": run["sent"],
        "rows": {name: run[name] for name in ("stored", "duplicate", "rejected")},
        "attempts": run["attempts"],
        "output_files": {name: at for name, at in outputs.items() if at},
        **({"result": result} if result else {}),
    }
