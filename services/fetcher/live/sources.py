"""The live sources of this replica: those it owns, as the settings or a later change want them; each a task, started again if it fails.

A change through any replica's port goes over the log, so that it reaches the owner, and holds over the settings from then on.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import ValidationError
from starlette.routing import Route

from services.fetcher.live import keeping, polling, session
from services.fetcher.live.bucket import Bucket, Buckets
from services.fetcher.live.choice import checked, watched
from services.fetcher.live.lane import Lane
from services.fetcher.live.leases import Leases
from services.fetcher.live.port import Port
from services.fetcher.live.repair import PART, Repair
from shared import tasks
from shared.backoff import delay
from shared.bus.outlet import Outlet
from shared.bus.reporter import BEAT_SECONDS, Reporter
from shared.errors import Unavailable
from shared.providers import LOGINS, POLLING
from shared.providers.venue import Budget
from shared.settings import Settings, Source
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.time import to_iso


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
        self._refused: dict[str, str] = {}  # sources that cannot be started, and why
        self._leases, self.buckets = Leases(settings.kafka), Buckets()
        self._outlet = Outlet(settings.kafka, health, client_id="fetcher-requests")
        self.reporter = Reporter(self._outlet) if settings.telemetry.report_requests else None

    @property
    def connected(self) -> bool:
        """Whether this replica is a member of the group."""
        return self._leases.connected

    def routes(self) -> tuple[Route, ...]:
        """For the fetcher's own port."""
        return Port(self._settings.kafka, self).routes()

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
                self.buckets.share(self._leases.share)
                self._reconcile()
                self._health.working("sources")
            except Exception as fault:  # noqa: BLE001 whatever it is: the sources that run go on
                unexpected = None if isinstance(fault, Unavailable) else fault
                log().warning("sources are not shared out", reason=str(fault), attempt=attempt, exc_info=unexpected)
                self._health.retrying("sources", keeping.said(fault))
                await asyncio.sleep(delay(attempt))
                attempt += 1
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
                "problems": one.lane.problems,
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
        self._refused = {name: said for name, said in self._refused.items() if name in wanted or name in self._leases.wanted}
        for name, running in list(self._running.items()):
            if name not in wanted:
                self._end(name, final=True)
            elif self._leases.lost(name) or running.source != wanted[name] or self._leases.epochs.get(name, 0) > running.lane.epoch:
                self._end(name, final=False)
        for name, source in wanted.items():
            if name not in self._running and name not in self._ending and self._leases.owns(name):
                self._begin(source)
        for name, running in self._running.items():
            if running.lane.state == "connected" and PART not in running.lane.problems:
                self._health.working(keeping.loop(name))

    def _begin(self, source: Source) -> None:
        """Starts a source; one that cannot be started does not keep the others from it."""
        try:
            self._start(source)
        except Exception as fault:  # noqa: BLE001 whatever its settings are
            if self._refused.get(source.name) != (said := keeping.said(fault)):
                log().error("source cannot be started", source=source.name, exc_info=fault)
            self._refused[source.name] = said
            self._health.retrying(keeping.loop(source.name), said)
        else:
            self._refused.pop(source.name, None)

    def _wanted(self) -> dict[str, Source]:
        """What the settings say, and what was asked for since."""
        found = dict(self._configured)
        for name, asked in self._leases.wanted.items():
            found.pop(name, None)
            if asked.settings is not None:
                try:
                    found[name] = checked(Source.model_validate(asked.settings))
                except (ValidationError, ValueError) as fault:
                    if self._refused.get(name) != str(fault):
                        log().error("no such source", source=name, reason=str(fault))
                    self._refused[name] = str(fault)
        return found

    def _start(self, source: Source) -> None:
        choice = watched(source)
        lane = Lane(
            self._settings.kafka,
            self._settings.fetcher,
            source.name,
            source.provider,
            choice.keys,
            choice.kinds,
            choice.watch,
            self._health,
        )
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
        self._health.working(keeping.loop(name))
        log().info("source left", source=name, final=final)

    async def _keep(self, running: _Running) -> None:
        attempt = 0
        while not running.stop.is_set():
            try:
                await self._work(running)
            except* Exception as faults:  # noqa: BLE001 of one source: the others go on
                reason, unexpected = keeping.said(faults), faults.subgroup(lambda fault: not isinstance(fault, Unavailable))
                log().warning("source waits", source=running.source.name, reason=reason, exc_info=unexpected)
                running.lane.failed(reason)
                self._health.retrying(keeping.loop(running.source.name), reason)
            if not running.stop.is_set():
                await asyncio.sleep(delay(attempt))
                attempt += 1
        running.lane.forget()
        if running.repair is not None:
            await running.repair.close()

    async def _work(self, running: _Running) -> None:
        lane = running.lane
        await lane.inherit()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(lane.run(running.stop))
            loop, health, repair = keeping.loop(running.source.name), self._health, running.repair
            others = [group.create_task(tasks.kept(health, loop, partial(self._read, running), lane.failed))]
            if repair is not None:
                others.append(group.create_task(tasks.kept(health, loop, repair.run, repair.failed)))
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

    def listed(self) -> list[dict[str, Any]]:
        """Each source with its settings, and what cannot be started with the reason."""
        found = [
            {
                **one.source.model_dump(),
                "received": one.lane.received,
                "acknowledged": one.lane.acknowledged,
                "connects": one.lane.connects,
                "state": one.lane.state,
                "reason": one.lane.reason,
                "problems": one.lane.problems,
            }
            for one in self._running.values()
        ]
        return found + [{"name": name, "state": "failed", "reason": said} for name, said in self._refused.items()]

    def configured(self, name: str) -> bool:
        """Whether the settings name the source."""
        return name in self._configured

    def behind(self, name: str, at: int) -> bool:
        """Whether this replica owns the source and has not yet done what was asked for at `at` (us)."""
        return self._leases.owns(name) and (self._leases.asked_at(name) < at or name in self._ending)
