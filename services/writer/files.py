"""Writes the files of daily runs: a JSON a day, `daily/<ticker>/<date>.json`, and one of the run, `runs/<run_id>.json`.

They are written once the run's end is stored, by whichever writer finds them missing; written again they are the same. A day's file is
the day as it now stands, whichever run said so.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from services.writer import days
from services.writer.beside import keep, named
from services.writer.sinks.postgres import daily
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import piece
from shared import exchange, symbols
from shared.errors import Rejected
from shared.frames import FAULTS
from shared.runs import DailyRequest
from shared.settings import Settings
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.time import from_datetime, to_iso


class Files:
    """Runs beside the writer in every replica."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._database, self._folder, self._health = settings.database, settings.writer.output_folder, health

    async def run(self, stop: asyncio.Event) -> None:
        """Writes until `stop`; waits out what is unavailable."""
        await keep(self._database, self._health, "files", "files of daily runs", self._one, stop)

    async def _one(self, connection: Connection) -> bool:
        async with connection.transaction():
            run = await daily.wanted(connection)
            if run is None:
                return False
            with piece(run["run_id"]):
                wanted, tickers = asked(run["request"])
                count = 0
                if wanted is not None and run["status"] == "finished":
                    for ticker in tickers:
                        found = await daily.between(connection, run["source"], ticker, wanted.start, wanted.end)
                        await asyncio.to_thread(self._write_days, ticker, found)
                        self._health.beat("files")
                        count += len(found)
                await asyncio.to_thread(_write, self._folder / "runs" / f"{named(run['run_id'])}.json", summary(dict(run), wanted, tickers))
                await daily.written(connection, run["run_id"])
        log().info("files of a daily run written", run_id=run["run_id"], days=count)
        return True

    def _write_days(self, ticker: str, found: list[tuple[days.Day, int]]) -> None:
        for day, revision in found:
            _write(self._folder / "daily" / ticker / f"{day.day}.json", days.spelled(day, revision))


def asked(request: str) -> tuple[DailyRequest | None, list[str]]:
    """The request and its canonical tickers; of one that could not be read, none: its run has failed."""
    try:
        found = msgspec.json.decode(request, type=DailyRequest)
        return found, sorted(set(map(symbols.canonical, found.tickers)))
    except (*FAULTS, Rejected):
        return None, []


def summary(run: Mapping[str, Any], asked: DailyRequest | None, tickers: list[str]) -> dict[str, Any]:
    """What `runs/<run_id>.json` says. `rows`: days in the range that have a bar; `bars`: those stored, with the sessions before them."""
    result = json.loads(run["result"])
    span = {"from": asked.start.isoformat(), "to": asked.end.isoformat(), "sessions": _sessions(asked.start, asked.end)} if asked else {}
    return {
        "run_id": run["run_id"],
        "source": run["source"],
        "status": run["status"],
        "message": run["message"],
        "start": to_iso(from_datetime(run["requested_at"])),
        "end": to_iso(from_datetime(run["finished_at"])),
        "tickers": tickers,
        **span,
        "rows": run["days"] or 0,
        "bars": {"stored": run["stored"], "duplicate": run["duplicate"], "rejected": run["rejected"]},
        "requests": result.get("requests", 0),
        "retries": result.get("retries", 0),
        "attempts": run["attempts"],
    }


def _sessions(first: date, last: date) -> dict[str, Any]:
    closed = [day.isoformat() for day in days.weekdays(first, last) if exchange.session(day) == "holiday"]
    return {**days.sessions(first, last), "closed": closed}


def document(told: Mapping[str, Any]) -> bytes:
    """The bytes of a file of JSON."""
    return (json.dumps(told, indent=2) + "\n").encode()


def _write(path: Path, told: Mapping[str, Any]) -> None:
    """The file under its name only once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(document(told))
    unfinished.replace(path)
