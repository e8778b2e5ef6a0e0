"""Each service's own port: `/livez` (is the loop alive?), `/readyz` (a check per dependency), `/metrics`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

Check = Callable[[], Awaitable[str | None]]
STALLED_SECONDS = 30.0
CHECK_SECONDS = 3.0


class Health:
    """What the loop reports: `beat` on every turn, and one named check per dependency that says what is wrong, or None."""

    def __init__(self) -> None:
        self._beats: dict[str, float] = {}
        self._checks: dict[str, Check] = {}
        self.routes: list[BaseRoute] = []  # a service's own, beside the probes; may grow while serving

    def beat(self, loop: str) -> None:
        """The named loop has just turned."""
        self._beats[loop] = time.monotonic()

    def add(self, name: str, check: Check) -> None:
        """Adds a readiness check."""
        self._checks[name] = check

    def stalled(self) -> dict[str, float]:
        """The loops that have not turned for `STALLED_SECONDS`, with their age."""
        now = time.monotonic()
        return {name: round(now - at, 1) for name, at in self._beats.items() if now - at > STALLED_SECONDS}

    async def faults(self) -> dict[str, str]:
        """The checks that fail, with why."""
        found: dict[str, str] = {}
        for name, check in self._checks.items():
            try:
                said = await asyncio.wait_for(check(), CHECK_SECONDS)
            except TimeoutError:
                said = f"no answer within {CHECK_SECONDS:g} s"
            if said is not None:
                found[name] = said
        return found

    async def livez(self, request: Request | None = None) -> Response:
        """200 while every loop turns."""
        stalled = self.stalled()
        return JSONResponse({"status": "stalled" if stalled else "ok", "loops": stalled}, 503 if stalled else 200)

    async def readyz(self, request: Request | None = None) -> Response:
        """200 when every dependency answers; otherwise 503 with what is wrong, by name."""
        faults = await self.faults()
        checks = {name: faults.get(name, "ok") for name in self._checks}
        return JSONResponse({"status": "unready" if faults else "ok", "checks": checks}, 503 if faults else 200)


async def metrics(request: Request) -> Response:
    """The Prometheus exposition."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class Server(uvicorn.Server):
    """uvicorn without signal handlers: the process's own decide when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals alone."""
        yield


async def serve(health: Health, host: str, port: int) -> None:
    """Serves the probes until cancelled."""
    health.routes += [Route("/livez", health.livez), Route("/readyz", health.readyz), Route("/metrics", metrics)]
    application = Starlette()
    application.router.routes = health.routes
    await run_server(application, host, port)


async def run_server(app: object, host: str, port: int) -> None:
    """Runs an ASGI application until cancelled, then lets open requests end."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # nothing asks who the client is
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.should_exit = True
        await task
        raise
