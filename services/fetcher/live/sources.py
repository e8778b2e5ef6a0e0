"""The live sources of this fetcher: started from the settings, changed at run time through its own port."""

import asyncio
from dataclasses import dataclass, field

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.fetcher.live import polling, session
from services.fetcher.live.bucket import Bucket
from services.fetcher.live.lane import Lane
from shared.backoff import delay
from shared.bus.outlet import Outlet
from shared.bus.reporter import BEAT_SECONDS, Reporter
from shared.errors import Rejected, Unavailable
from shared.providers import POLLING, STREAMING
from shared.providers.venue import Budget
from shared.settings import Settings, Source
from shared.symbols import canonical
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.time import to_iso


@dataclass(slots=True)
class _Running:
    """A source at work."""

    source: Source
    lane: Lane
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


def checked(source: Source) -> Source:
    """The source with canonical symbols; raises `ValueError` saying what its provider does not offer."""
    streams = STREAMING.get(source.provider)
    if source.channels and (streams is None or set(source.channels) - set(streams.CHANNELS)):
        offered = ", ".join(streams.CHANNELS) if streams else "none"
        raise ValueError(f"provider {source.provider!r} streams {offered}, not {', '.join(source.channels)}")
    if not source.channels and source.provider not in POLLING:
        raise ValueError(f"provider {source.provider!r} cannot be polled; these can: {', '.join(POLLING)}")
    if source.name != source.provider and not source.name.startswith(source.provider + "-"):
        raise ValueError(f"a source is named after its provider: {source.provider} or {source.provider}-…, not {source.name}")
    try:
        return source.model_copy(update={"symbols": [canonical(symbol) for symbol in source.symbols]})
    except Rejected as fault:
        raise ValueError(fault.message) from None


class Sources:
    """Every source its own task; one that fails is started again."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._settings, self._health = settings, health
        self._running: dict[str, _Running] = {}
        self._buckets: dict[str, Bucket] = {}
        self._outlet = Outlet(settings.kafka, client_id="fetcher-requests")
        self.reporter = Reporter(self._outlet) if settings.telemetry.report_requests else None

    def routes(self) -> tuple[Route, ...]:
        """For the fetcher's own port."""
        return (
            Route("/sources", self._list, methods=["GET"]),
            Route("/sources/{name}", self._put, methods=["PUT"]),
            Route("/sources/{name}", self._delete, methods=["DELETE"]),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Runs the settings' sources until `stop`."""
        for source in self._settings.fetcher.sources:
            self.start(checked(source))
        sending = asyncio.create_task(self._outlet.run())
        while not stop.is_set():
            self._health.beat("sources")
            if self.reporter is not None:
                self.reporter.beat()
            await asyncio.sleep(BEAT_SECONDS)
        await asyncio.gather(*(self.end(name) for name in list(self._running)))
        await self._outlet.close()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    def bucket(self, provider: str, per_minute: int = 0) -> Bucket:
        """The venue's budget, shared by whoever asks it here; the first to ask says what it is."""
        venue = POLLING[provider]
        return self._buckets.setdefault(venue.REST, Bucket(Budget(per_minute, 60) if per_minute else venue.BUDGET))

    def status(self) -> list[dict[str, object]]:
        """Each source: state, last success, budget left."""
        return [
            {
                "source": name,
                "provider": one.source.provider,
                "state": one.lane.state,
                "reason": one.lane.reason,
                "last_success": to_iso(one.lane.heard_at) if one.lane.heard_at else None,
                "received": one.lane.received,
                "connects": one.lane.connects,
                "budget_left": None if one.source.channels else self.bucket(one.source.provider).left,
            }
            for name, one in self._running.items()
        ]

    def start(self, source: Source) -> None:
        """Begins a source."""
        streaming = STREAMING.get(source.provider)
        keys = [streaming.native(symbol) for symbol in source.symbols] if source.channels and streaming else [""]
        lane = Lane(self._settings.kafka, self._settings.fetcher, source.name, source.provider, keys)
        running = self._running[source.name] = _Running(source, lane)
        running.task = asyncio.create_task(self._keep(running))

    async def end(self, name: str) -> None:
        """Stops a source for good; everything it received is acknowledged first."""
        running = self._running.pop(name)
        running.stop.set()
        if running.task is not None:
            await running.task

    async def _keep(self, running: _Running) -> None:
        attempt = 0
        while not running.stop.is_set():
            try:
                await self._work(running)
            except* Unavailable as faults:
                log().warning("source waits", source=running.source.name, reason=str(faults.exceptions[0]))
            if not running.stop.is_set():
                await asyncio.sleep(delay(attempt))
                attempt += 1

    async def _work(self, running: _Running) -> None:
        source, lane = running.source, running.lane
        await lane.inherit()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(lane.run(running.stop))
            if source.channels:
                reading = group.create_task(session.run(source, lane))
            else:
                reading = group.create_task(polling.run(source, lane, self.bucket(source.provider), self.reporter))
            await running.stop.wait()
            reading.cancel()
            await asyncio.wait([reading, sending])

    async def _list(self, request: Request) -> Response:
        found = [
            {**one.source.model_dump(), "received": one.lane.received, "acknowledged": one.lane.acknowledged, "connects": one.lane.connects}
            for one in self._running.values()
        ]
        return JSONResponse({"results": found})

    async def _put(self, request: Request) -> Response:
        try:
            source = checked(Source.model_validate({**await request.json(), "name": request.path_params["name"]}))
        except (ValidationError, ValueError, TypeError) as fault:
            said = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in fault.errors()) if isinstance(fault, ValidationError) else str(fault)
            return JSONResponse({"title": "not a source", "status": 422, "detail": said}, 422, media_type="application/problem+json")
        if source.name in self._running:
            await self.end(source.name)
        self.start(source)
        return JSONResponse(source.model_dump(), 201)

    async def _delete(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._running:
            return JSONResponse({"title": "no such source", "status": 404, "detail": name}, 404, media_type="application/problem+json")
        await self.end(name)
        return Response(status_code=204)
