"""The desk takes snapshots: on request and every minute. A snapshot once begun goes on, whether or not somebody waits for it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx

from services.fetcher.live.bucket import Bucket
from services.fetcher.snapshots.asking import Asked
from services.fetcher.snapshots.plan import checked
from services.fetcher.snapshots.recording import SOURCE, Recording
from services.fetcher.snapshots.snapshot import Taking
from shared import price_files, runs, tasks
from shared.bus.reporter import Reporter
from shared.errors import Unavailable
from shared.events import Run
from shared.providers import PRICED, provider_name
from shared.settings import Primary, Settings
from shared.snapshots import Snapshot
from shared.telemetry import metrics, traces
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.time import SECOND

AT_ONCE = 8
STOP_SECONDS = 7.0
POLL_SECONDS = 0.2
# Shorter than servers keep idle connections: one that they have just closed would fail the next request.
IDLE = httpx.Limits(keepalive_expiry=2.0)
HOME = runs.home(SOURCE)  # of several fetchers the one that owns this partition keeps the schedule


class Taken(NamedTuple):
    """A run and its snapshot."""

    run: Run
    snapshot: Snapshot


class Desk:
    """Everything snapshots share: their sources, their client, their places."""

    def __init__(self, settings: Settings, health: Health, bucket: Callable[[str, int], Bucket], reporter: Reporter | None) -> None:
        self._settings, self._health = settings, health
        _check(settings.snapshots.sources)
        self.sources = {
            source.name: Asked(source, settings, bucket(source.provider, source.per_minute), reporter)
            for source in settings.snapshots.sources
        }
        self.assets = checked(settings.snapshots.assets)
        self.next_run = 0  # us; 0: none is planned here
        self._client = httpx.AsyncClient(follow_redirects=False, limits=IDLE, timeout=settings.snapshots.timeout_seconds)
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[Taken]] = set()

    async def take(self, assets: Sequence[str], names: Sequence[str]) -> Taken:
        """A snapshot on record; raises `Unavailable` where that takes too long: it goes on then."""
        task = tasks.start(self._take(assets, names))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            async with asyncio.timeout(self._settings.snapshots.deadline_seconds + self._settings.snapshots.record_seconds):
                return await asyncio.shield(task)
        except TimeoutError:
            raise Unavailable("the snapshot is still being taken or waits for Kafka; look for its run later") from None

    async def run(self, stop: asyncio.Event, owns: Callable[[int], bool]) -> None:
        """Takes a snapshot at every whole interval while this fetcher owns the schedule; ends what is under way before it returns."""
        interval = round(self._settings.snapshots.interval_seconds * SECOND)
        due: asyncio.Task[None] | None = None
        while not stop.is_set():
            self._health.beat("snapshots")
            now = time.time_ns() // 1000
            if not interval or not owns(HOME):
                self.next_run = 0
            elif not self.next_run:
                self.next_run = now - now % interval + interval
            elif now >= self.next_run and (due is None or due.done()):
                self.next_run = now - now % interval + interval
                due = tasks.start(self._scheduled())
            await asyncio.sleep(POLL_SECONDS)
        ending = self._tasks | ({due} if due is not None else set())
        if ending:
            _, late = await asyncio.wait(ending, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
        await self._client.aclose()

    async def _scheduled(self) -> None:
        try:
            _, snapshot = await self.take(self.assets, list(self.sources))
            if self._settings.snapshots.folder is not None:
                folder, started, attempts = self._settings.snapshots.folder, snapshot.started_at, snapshot.attempts
                await asyncio.to_thread(price_files.append, folder, started, attempts)
        except Exception as fault:  # noqa: BLE001 whatever it is: the next one is due in an interval
            unexpected = None if isinstance(fault, Unavailable | OSError) else fault
            log().warning("snapshot not on record", reason=str(fault), exc_info=unexpected)
            self._health.retrying("scheduled snapshots", f"{type(fault).__name__}: {fault}")
        else:
            self._health.working("scheduled snapshots")

    async def _take(self, assets: Sequence[str], names: Sequence[str]) -> Taken:
        async with self._places:
            recording = Recording(self._settings, assets, names, self._health)
            try:
                with traces.span("snapshot", run_id=recording.run.run_id):
                    await recording.begin()
                    taking = Taking(self._settings.snapshots, self._client)
                    try:
                        snapshot = await taking.take(assets, [self.sources[name] for name in names])
                    except Exception as fault:
                        await recording.fail(f"unexpected {type(fault).__name__}: {fault}")
                        raise
                    run = await recording.end(snapshot, taking.answers)
            finally:
                await recording.close()
        metrics.SNAPSHOTS.labels(run.status).inc()
        log().info("snapshot", run_id=run.run_id, status=run.status, attempts=len(snapshot.attempts), missing=len(snapshot.missing))
        return Taken(run, snapshot)


def _check(sources: Sequence[Primary]) -> None:
    """Raises `ValueError`: the transformer knows a source's provider by its name."""
    for number, source in enumerate(sources):
        if source.provider not in PRICED:
            raise ValueError(f"SNAPSHOTS__SOURCES: provider {source.provider!r} is none of {', '.join(PRICED)}")
        if not f"{source.name}-".startswith(f"{source.provider}-") or provider_name(source.name) != source.provider:
            raise ValueError(f"SNAPSHOTS__SOURCES: a source is named after its provider: {source.provider}-…, not {source.name}")
        if source.name in {other.name for other in sources[:number]}:
            raise ValueError(f"SNAPSHOTS__SOURCES: {source.name} is there twice")
