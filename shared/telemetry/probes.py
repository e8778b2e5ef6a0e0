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

from shared import tasks
from shared.telemetry import metrics as m
from shared.telemetry.retries import Episode, Retries
from shared.time import SECOND, to_iso

Check = Callable[[], Awaitable[str | None]]
STALLED_SECONDS = 30.0
CHECK_SECONDS = 3.0


class Health:
    """What the loop reports: `beat` on every turn, and one named check per dependency that says what is wrong, or None."""

    def __init__(self) -> None:
        self._beats: dict[str, float] = {}
        self._checks: dict[str, Check] = {}
        self._retries = Retries()
        self._shown: set[str] = set()
        self.routes: list[BaseRoute] = []  # a service's own, beside the probes; may grow while serving

    def beat(self, loop: str) -> None:
        """The named loop has just turned."""
        self._beats[loop] = time.monotonic()

    def add(self, name: str, check: Check) -> None:
        """Adds a readiness check."""
        self._checks[name] = check

    def retrying(self, loop: str, reason: str) -> None:
        """An attempt of the loop has failed and is repeated; call on every failure, before the pause."""
        self._retries.failed(loop, reason, now=time.monotonic(), unix=time.time())
        self._show(loop)

    def _show(self, loop: str) -> None:
        """Exports the loop's metric, which is 0 while it works: an alert needs a series that is there before."""
        if loop not in self._shown:
            self._shown.add(loop)
            gauge = m.RETRYING.labels(m.loops.of(loop))
            gauge.set_function(lambda: self._retries.seconds(loop, time.monotonic()))

    def working(self, loop: str) -> None:
        """The loop has completed its work or has none; a loop that may fail at the same record again has not."""
        self._retries.worked(loop, time.monotonic())
        self._show(loop)

    def stalled(self) -> dict[str, float]:
        """The loops that have not turned for `STALLED_SECONDS`, with their age."""
        now = time.monotonic()
        return {name: round(now - at, 1) for name, at in self._beats.items() if now - at > STALLED_SECONDS}

    def retries(self) -> dict[str, Episode]:
        """The loops that have been retrying for longer than a transient failure lasts."""
        return self._retries.reported(time.monotonic())

    async def faults(self) -> dict[str, str]:
        """What makes the service not ready: checks that fail, loops that stand still or retry, each with why."""
        found: dict[str, str] = {}
        for name, check in self._checks.items():
            try:
                said = await asyncio.wait_for(check(), CHECK_SECONDS)
            except TimeoutError:
                said = f"no answer within {CHECK_SECONDS:g} s"
            if said is not None:
                found[name] = said
        found |= {f"{loop} loop": f"has not turned for {seconds:g} s" for loop, seconds in self.stalled().items()}
        found |= {f"{loop} loop": _said(episode) for loop, episode in self.retries().items()}
        return found

    async def livez(self, request: Request | None = None) -> Response:
        """200 while every loop turns."""
        stalled = self.stalled()
        return JSONResponse({"status": "stalled" if stalled else "ok", "loops": stalled}, 503 if stalled else 200)

    async def readyz(self, request: Request | None = None) -> Response:
        """200 when every dependency answers and no loop retries; otherwise 503 with what is wrong, by name."""
        faults = await self.faults()
        checks = dict.fromkeys(self._checks, "ok") | faults
        retrying = {
            loop: {"reason": episode.reason, "attempts": episode.attempts, "since": _since(episode)}
            for loop, episode in self.retries().items()
        }
        answer = {"status": "unready" if faults else "ok", "checks": checks} | ({"retrying": retrying} if retrying else {})
        return JSONResponse(answer, 503 if faults else 200)


def _since(episode: Episode) -> str:
    return to_iso(int(episode.since) * SECOND)


def _said(episode: Episode) -> str:
    return f"retrying, {episode.attempts} attempts since {_since(episode)}: {episode.reason}"


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
    task = tasks.start(server.serve())
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.should_exit = True
        await task
        raise
