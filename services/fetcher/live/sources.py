"""The live sources of this replica: those it owns, as the settings or a later change want them; each a task, started again if it fails.

A change through any replica's port goes over the log, so that it reaches the owner, and holds over the settings from then on.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.fetcher.live import polling, session
from services.fetcher.live.bucket import Bucket, Buckets
from services.fetcher.live.choice import checked, watched
from services.fetcher.live.lane import Lane, now_us
from services.fetcher.live.leases import Leases, home
from services.fetcher.live.repair import Repair
from shared import tasks
from shared.backoff import delay
from shared.bus import Log, Producer
from shared.bus.outlet import Outlet
from shared.bus.reporter import BEAT_SECONDS, Reporter
from shared.errors import Unavailable
from shared.events import SourceWanted
from shared.providers import LOGINS, POLLING
from shared.providers.venue import Budget
from shared.records import cloud_event
from shared.settings import Settings, Source
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.time import to_iso
from shared.topics import SOURCES

FOLLOW_SECONDS = 10.0


@dataclass(slots=True)
class _Running:
    """A source at work."""

    source: Source
    lane: Lane
    repair: Repair | None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Sources:
    """`run` takes and leaves sources as the leases say."""

    def __init__(self, settings: Settings, health: Health) -> None:
        self._settings, self._health = settings, health
        self._configured: dict[str, Source] = {}
        self._running: dict[str, _Running] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._leases, self.buckets = Leases(settings.kafka), Buckets()
        self._outlet = Outlet(settings.kafka, health, client_id="fetcher-requests")
        self.reporter = Reporter(self._outlet) if settings.telemetry.report_requests else None

    @property
    def connected(self) -> bool:
        """Whether this replica is a member of the group."""
        return self._leases.connected

    def routes(self) -> tuple[Route, ...]:
        """For the fetcher's own port."""
        return (
            Route("/sources", self._list, methods=["GET"]),
            Route("/sources/{name}", self._put, methods=["PUT"]),
            Route("/sources/{name}", self._delete, methods=["DELETE"]),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Runs this replica's sources until `stop`; then they go on elsewhere."""
        self._configured = {source.name: checked(source) for source in self._settings.fetcher.sources}
        sending = tasks.start(tasks.kept(self._health, "outlet", self._outlet.run))
        beating = tasks.start(tasks.kept(self._health, "beats", self._beat))
        attempt = 0
        while not stop.is_set():
            self._health.beat("sources")
            try:
                await self._leases.turn()
                attempt = 0
            except Unavailable as fault:
                log().warning("sources are not shared out", reason=str(fault), attempt=attempt)
                await asyncio.sleep(delay(attempt))
                attempt += 1
            self.buckets.share(self._leases.share)
            self._reconcile()
        for name in list(self._running):
            self._end(name, final=False)
        await asyncio.gather(*self._ending.values())
        await self._leases.close()
        beating.cancel()
        await self._outlet.close()
        sending.cancel()
        await asyncio.gather(sending, beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            if self.reporter is not None:
                self.reporter.beat()
            await asyncio.sleep(BEAT_SECONDS)

    def bucket(self, provider: str, per_minute: int = 0) -> Bucket:
        """The venue's budget, shared by whoever asks it here; the first to ask says what it is."""
        venue = POLLING[provider]
        return self.buckets.of(venue.REST, Budget(per_minute, 60) if per_minute else venue.BUDGET)

    def status(self) -> list[dict[str, object]]:
        """Each source: state, last success, next run, failures in a row, budget left."""
        return [
            {
                "source": name,
                "provider": one.source.provider,
                "state": one.lane.state,
                "reason": one.lane.reason,
                "last_success": to_iso(one.lane.heard_at) if one.lane.heard_at else None,
                "next_run": to_iso(one.lane.next_run) if one.lane.next_run else None,
                "failures": one.lane.failures,
                "received": one.lane.received,
                "connects": one.lane.connects,
                "budget_left": None if one.source.channels else self.bucket(one.source.provider).left,
            }
            for name, one in self._running.items()
        ]

    def _reconcile(self) -> None:
        """Starts and ends sources until those that run are those that should."""
        self._ending = {name: task for name, task in self._ending.items() if not task.done()}
        wanted = self._wanted()
        for name, running in list(self._running.items()):
            if name not in wanted:
                self._end(name, final=True)
            elif self._leases.lost(name) or running.source != wanted[name] or self._leases.epochs.get(name, 0) > running.lane.epoch:
                self._end(name, final=False)
        for name, source in wanted.items():
            if name not in self._running and name not in self._ending and self._leases.owns(name):
                self._start(source)

    def _wanted(self) -> dict[str, Source]:
        """What the settings say, and what was asked for since."""
        found = dict(self._configured)
        for name, asked in self._leases.wanted.items():
            found.pop(name, None)
            if asked.settings is not None:
                try:
                    found[name] = checked(Source.model_validate(asked.settings))
                except (ValidationError, ValueError) as fault:
                    log().error("no such source", source=name, reason=str(fault))
        return found

    def _start(self, source: Source) -> None:
        choice = watched(source)
        lane = Lane(self._settings.kafka, self._settings.fetcher, source.name, source.provider, choice.keys, choice.kinds, choice.watch)
        repair = None
        if choice.watch is not None:
            tape = choice.watch.tape
            bucket = self.buckets.of(tape.REST, self._budget(source.provider, tape.BUDGET))
            login, key = LOGINS.get(source.provider), self._settings.keys.of(source.provider)
            asking = login.authorized(key, choice.base) if login is not None else None
            streamed = not choice.followed
            repair = Repair(lane, choice.watch, choice.symbols, choice.base, bucket, self.reporter, streamed=streamed, headers=asking)
        metrics.INTERVAL.labels(source.name).set(0 if source.channels else source.interval_seconds)
        running = self._running[source.name] = _Running(source, lane, repair)
        running.task = tasks.start(self._keep(running))
        log().info("source taken", source=source.name, epoch=lane.epoch)

    def _budget(self, provider: str, budget: Budget) -> Budget:
        """A plan may allow more than the venue gives everybody."""
        return Budget(self._settings.polygon.requests_per_minute, 60) if provider == "polygon" else budget

    def _end(self, name: str, *, final: bool) -> None:
        """Everything the source received is acknowledged before it has ended; `final`: it does not go on elsewhere."""
        running = self._running.pop(name)
        running.lane.final = final
        running.stop.set()
        if running.task is not None:
            self._ending[name] = running.task
        log().info("source left", source=name, final=final)

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
        running.lane.forget()

    async def _work(self, running: _Running) -> None:
        lane = running.lane
        await lane.inherit()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(lane.run(running.stop))
            others = [group.create_task(self._read(running))]
            if running.repair is not None:
                others.append(group.create_task(running.repair.run()))
            await running.stop.wait()
            for task in others:
                task.cancel()
            await asyncio.wait([*others, sending])

    async def _read(self, running: _Running) -> None:
        source, lane, repair = running.source, running.lane, running.repair
        if repair is not None and repair.follows:
            await repair.follow(source.interval_seconds)
        elif source.channels:
            if repair is not None:
                await repair.anchor()
            await session.run(source, lane, self._settings.keys.of(source.provider))
        else:
            await polling.run(source, lane, self.bucket(source.provider), self.reporter, self._settings.keys.of(source.provider))

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
            return _problem("not a source", 422, said)
        return await self._ask(source.name, source.model_dump(mode="json"), JSONResponse(source.model_dump(), 201))

    async def _delete(self, request: Request) -> Response:
        name = request.path_params["name"]
        try:
            known = await self._known(name)
        except Unavailable as fault:
            return _problem("not available", 503, str(fault))
        return await self._ask(name, None, Response(status_code=204)) if known else _problem("no such source", 404, name)

    async def _known(self, name: str) -> bool:
        """Whether the source is to run, here or elsewhere."""
        async with Log(self._settings.kafka) as reader:
            record = await reader.latest(SOURCES, home(name), _wanted_key(name))
        if record is None or not record.value:
            return name in self._configured
        return msgspec.json.decode(record.value, type=SourceWanted).settings is not None

    async def _ask(self, name: str, settings: dict[str, Any] | None, done: Response) -> Response:
        """Puts the change into the log; its owner follows it."""
        at = now_us()
        value = msgspec.json.encode(SourceWanted(name, at, settings))
        headers = cloud_event("wanted", source=name, subject=name, event_id=f"{name}-wanted-{at}", time_us=at)
        try:
            async with Producer(self._settings.kafka, client_id="fetcher-wanted") as producer:
                producer.add(SOURCES, home(name), _wanted_key(name), value, headers)
                await producer.flush()
        except Unavailable as fault:
            return _problem("not available", 503, str(fault))
        await self._followed(name, at)
        return done

    async def _followed(self, name: str, at: int) -> None:
        """Where this replica is the owner, the change has happened when it is answered; elsewhere it will."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FOLLOW_SECONDS):
                while self._leases.owns(name) and (self._leases.asked_at(name) < at or name in self._ending):  # noqa: ASYNC110 a poll of our own
                    await asyncio.sleep(0.05)


def _wanted_key(name: str) -> bytes:
    return f"{name}|wanted".encode()


def _problem(title: str, status: int, detail: str) -> Response:
    return JSONResponse({"title": title, "status": status, "detail": detail}, status, media_type="application/problem+json")
