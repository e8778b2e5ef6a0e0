"""Ends runs that hold more windows open than one transaction closes, a part of them in each transaction."""

import asyncio

from services.writer.beside import keep
from services.writer.sinks.postgres import run_ends
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import piece
from shared.settings import Settings
from shared.telemetry.logs import log
from shared.telemetry.probes import Health


class Endings:
    """Runs beside the writer in every replica."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._database, self._health = settings.database, health

    async def run(self, stop: asyncio.Event) -> None:
        """Ends runs until `stop`; waits out what is unavailable."""
        await keep(self._database, self._health, "endings", "ends of runs", self.one, stop)

    async def one(self, connection: Connection) -> bool:
        """One transaction; returns whether there was something to do."""
        async with connection.transaction():
            end = await run_ends.wanted(connection)
            if end is None:
                return False
            with piece(end.run):
                if await run_ends.go_on(connection, end):
                    log().info("run ended", run_id=end.run, aborted=end.aborted)
        return True
