"""The process: the pool, the public port, the readiness check; started with the store down, it serves as soon as the store is up."""

import asyncio

from services.api.app import Application
from services.api.protocol import Context
from services.api.store import connect
from shared import tasks
from shared.archive.store import Store as Archive
from shared.bus.outlet import Outlet
from shared.bus.reporter import Reporter
from shared.settings import Settings
from shared.telemetry.logs import log
from shared.telemetry.probes import Health, run_server

BEAT_SECONDS = 1.0


async def main(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """Serves until `stop`."""
    store = await connect(settings.database)
    health.add("postgres", store.check)
    outlet = Outlet(settings.kafka, health, client_id="api")
    reporter = Reporter(outlet) if settings.telemetry.report_requests else None
    archive = await Archive(settings.s3).open() if settings.s3.bucket else None
    app = Application(Context(store, settings.api, health, outlet, reporter, archive))
    sending = tasks.start(tasks.kept(health, "outlet", outlet.run))
    log().info("serving", host=settings.api.host, port=settings.api.port)
    server = tasks.start(run_server(app, settings.api.host, settings.api.port))
    try:
        await _beat(health, stop, server, reporter)
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        await outlet.close()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await store.close()
        if archive is not None:
            await archive.close()


async def _beat(health: Health, stop: asyncio.Event, server: asyncio.Task[None], reporter: Reporter | None) -> None:
    """Shows that the event loop turns, until `stop` or the end of the server."""
    while not stop.is_set():
        health.beat("serve")
        if reporter is not None:
            reporter.beat()
        stopping = tasks.start(stop.wait())
        await asyncio.wait([server, stopping], timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if server.done():
            server.result()
            raise RuntimeError("the public port's server has ended")
