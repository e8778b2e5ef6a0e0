"""Takes runs: the owner of a run's partition of pipeline.runs.v1 carries it out, and takes up again what its predecessor left.

A replica that loses the partition stops its runs at their next batch. Whatever is started twice publishes the same rows.
"""

import asyncio
import time
from dataclasses import dataclass, field

import msgspec

from services.fetcher.bring import bring
from services.fetcher.ended import NEVER, Ended, Key
from services.fetcher.files import FileInput
from services.fetcher.history import spans
from services.fetcher.history.access import access
from services.fetcher.history.client import Client, Tell
from services.fetcher.history.pages import Pages
from services.fetcher.ingest import Ingest, Stopped
from services.fetcher.live.bucket import Buckets
from services.fetcher.orders import OrdersInput
from services.fetcher.pace import Pace
from services.fetcher.protocol import Input
from services.fetcher.publish import Publisher
from services.fetcher.readers import READERS
from services.fetcher.replays import ReplayInput
from shared import runs, tasks
from shared.backoff import delay
from shared.bus import Log
from shared.bus.consumer import Consumer
from shared.errors import FileFault, Unavailable
from shared.events import Run
from shared.records import Record, header
from shared.settings import Settings
from shared.telemetry import metrics, traces
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.topics import RUNS

POLL_MS = 200
POLL_RECORDS = 500
MOST_ATTEMPTS = 50
# A predecessor that was only asked to leave writes its last progress within this time.
SETTLE_SECONDS = 1.0


@dataclass(slots=True)
class _Active:
    """A run of this replica and how to stop it."""

    partition: int
    task: asyncio.Task[Run]
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Runner:
    """One member of the group `fetcher`; `run` returns when `stop` is set, its runs left where they stand."""

    def __init__(self, settings: Settings, health: Health, tell: Tell | None = None, buckets: Buckets | None = None) -> None:
        self._settings, self._health, self._tell = settings, health, tell
        self._consumer = self._new_consumer()
        self._generation = 0
        self._open: dict[str, tuple[int, Run]] = {}  # unfinished runs of owned partitions: partition, newest record
        self._ended = Ended()
        self._cancelled: dict[str, str] = {}  # runs of owned partitions that are to end, and why
        self._parents: dict[str, bytes] = {}  # of open runs that were asked for under a trace
        self._active: dict[str, _Active] = {}
        self._not_before: dict[str, float] = {}
        self._buckets = buckets or Buckets()
        self.connected = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; waits out what is unavailable."""
        attempt = 0
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                self._health.beat("runs")
                try:
                    await self._turn(group)
                    attempt = 0
                    self._health.working("runs")
                except Exception as fault:  # noqa: BLE001 whatever it is: the runs that are carried out go on
                    unexpected = None if isinstance(fault, Unavailable) else fault
                    log().warning("runs are not followed", reason=str(fault), attempt=attempt, exc_info=unexpected)
                    metrics.RETRIES.labels("kafka").inc()
                    self._health.retrying("runs", f"{type(fault).__name__}: {fault}")
                    if unexpected is not None:
                        await self._disconnect()
                    await asyncio.sleep(delay(attempt))
                    attempt += 1
            for active in self._active.values():
                active.stop.set()
        if self.connected:
            await self._consumer.stop()

    async def _disconnect(self) -> None:
        """What was polled and not taken is read again with everything else."""
        if self.connected:
            self.connected = False
            await self._consumer.stop()

    def _new_consumer(self) -> Consumer:
        return Consumer(self._settings.kafka, group="fetcher", topics=[RUNS])

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        if not self.connected:
            await self._connect()
        if self._consumer.generation != self._generation:
            self._generation = self._consumer.generation
            self._consumer.restart(self._consumer.ready)  # what was loaded while the group decided anew is forgotten with the rest
            self._open.clear()
            self._ended.clear()
            self._cancelled.clear()
            self._parents.clear()
        if self._consumer.uninitialised:
            await self._load()
        polled = await self._consumer.poll(POLL_MS, POLL_RECORDS)
        for partition, records in polled.items():
            for record in records:
                if record.value is None:
                    self._ended.discard(Key(partition.partition, record.key or b""))
                self._see(partition.partition, runs.read(record.value), header(record.headers, traces.HEADER))
                self._see_cancel(partition.partition, record)
        self._stop_lost()
        self._finish()
        self._start(group)
        await self._consumer.commit({tp: records[-1].offset + 1 for tp, records in polled.items() if records})
        await self._ended.sweep(self._settings.kafka, RUNS, [tp.partition for tp in self._consumer.ready])

    async def _connect(self) -> None:
        self._consumer = self._new_consumer()
        try:
            await self._consumer.start()
        except Unavailable:
            await self._consumer.stop()
            raise
        self.connected = True

    async def _load(self) -> None:
        """Reads each new partition from its start: its unfinished runs are this replica's now."""
        wanted = sorted(self._consumer.uninitialised, key=lambda tp: tp.partition)
        async with Log(self._settings.kafka) as reader:
            ranges = await reader.ranges(RUNS, [tp.partition for tp in wanted])
            for partition in wanted:
                first, end = ranges[partition.partition]
                known: dict[str, Run] = {}
                parents: dict[str, bytes | None] = {}
                async for records in reader.read(RUNS, partition.partition, first, end):
                    for record in records:
                        self._see_cancel(partition.partition, record)
                        if record.value is None:
                            known.pop((record.key or b"").decode(), None)
                        if run := runs.read(record.value):
                            known[run.run_id] = runs.newest(known.get(run.run_id, run), run)
                            parents.setdefault(run.run_id, header(record.headers, traces.HEADER))
                if partition not in self._consumer.uninitialised:
                    return  # rebalanced meanwhile
                for run in known.values():
                    self._see(partition.partition, run, parents[run.run_id], left=True)
                    if run.status == "running":
                        snapshots = self._settings.snapshots
                        longest = snapshots.deadline_seconds + snapshots.record_seconds if run.run_kind == "snapshot" else 0.0
                        self._not_before[run.run_id] = time.monotonic() + SETTLE_SECONDS + longest
                self._consumer.seek(partition, end)
        metrics.ASSIGNED.set(len(self._consumer.ready))
        log().info("partitions taken", partitions=[tp.partition for tp in wanted], unfinished=len(self._open))

    def owns(self, partition: int) -> bool:
        """Whether this replica has that partition of pipeline.runs.v1."""
        return any(tp.partition == partition for tp in self._consumer.ready)

    def _see(self, partition: int, run: Run | None, parent: bytes | None = None, *, left: bool = False) -> None:
        """Takes a run's record; a final one closes it. A snapshot is carried out by whoever began it, unless it was `left`."""
        if run is None:
            return
        _, known = self._open.get(run.run_id, (partition, run))
        ended = Key(partition, run.run_id.encode())
        held = runs.newest(known, run)
        if held.status in runs.FINAL:
            self._open.pop(run.run_id, None)
            self._parents.pop(run.run_id, None)
            self._ended.add(ended, NEVER if held.status == "published" else held.updated_at)  # the writer has yet to finish it
        elif ended not in self._ended and (left or run.run_kind != "snapshot"):  # a former owner's last progress may come behind the end
            self._open[run.run_id] = (partition, held)
            if parent:
                self._parents.setdefault(run.run_id, parent)

    def _see_cancel(self, partition: int, record: Record) -> None:
        """Takes a request to end a run; one that is being carried out stops at its next batch."""
        if cancel := runs.read_cancel(record.value):
            self._cancelled[cancel.run_id] = cancel.why
            self._ended.add(Key(partition, record.key or b""), cancel.at)
            if active := self._active.get(cancel.run_id):
                active.stop.set()

    def _stop_lost(self) -> None:
        owned = {tp.partition for tp in self._consumer.ready | self._consumer.uninitialised}
        for active in self._active.values():
            if active.partition not in owned:
                active.stop.set()

    def _finish(self) -> None:
        for run_id, active in [(run_id, active) for run_id, active in self._active.items() if active.task.done()]:
            del self._active[run_id]
            if run_id in self._open:
                self._see(active.partition, active.task.result())

    def _start(self, group: asyncio.TaskGroup) -> None:
        now = time.monotonic()
        waiting = sorted((run.requested_at, run_id) for run_id, (_, run) in self._open.items() if self._not_before.get(run_id, 0.0) <= now)
        for _, run_id in waiting:
            full = len(self._active) >= self._settings.fetcher.concurrent_runs and run_id not in self._cancelled
            if full or run_id in self._active:
                continue
            partition, run = self._open[run_id]
            self._not_before.pop(run_id, None)
            stop = asyncio.Event()
            self._active[run_id] = _Active(partition, group.create_task(self._carry_out(run, stop), name=run_id), stop)

    async def _carry_out(self, run: Run, stop: asyncio.Event) -> Run:
        """One attempt under the trace of whoever asked for it; returns the run as it then stands."""
        with traces.span("run", self._parents.get(run.run_id), run_id=run.run_id):
            return await self._attempt(run, stop)

    async def _attempt(self, run: Run, stop: asyncio.Event) -> Run:
        log().info("run taken", run_id=run.run_id, attempt=run.attempts + 1, sent=run.sent)
        publisher = Publisher(self._settings.kafka, client_id="fetcher", in_flight=self._settings.fetcher.in_flight, health=self._health)
        pace = Pace(self._settings.kafka, self._settings.fetcher.most_behind)
        ingest = Ingest(msgspec.structs.replace(run, attempts=run.attempts + 1), publisher, pace, stop)
        try:
            try:
                await self._uncancelled(ingest, run, stop)
            except FileFault as fault:
                await ingest.fail(str(fault))
            except (Unavailable, Stopped):
                raise
            except Exception as fault:  # noqa: BLE001 whatever an input raises ends its run, never the process
                log().error("run failed unexpectedly", run_id=run.run_id, exc_info=fault)
                await ingest.fail(f"unexpected {type(fault).__name__}: {fault}"[:1000])
        except Stopped:
            log().info("run left", run_id=run.run_id, sent=ingest.run.sent)
        except Unavailable as fault:
            log().warning("run interrupted", run_id=run.run_id, reason=str(fault))
            await ingest.waits(str(fault))
            self._not_before[run.run_id] = time.monotonic() + delay(run.attempts)
        except Exception as fault:  # noqa: BLE001 its end could not be published: it is attempted again, a bounded number of times
            log().error("run interrupted unexpectedly", run_id=run.run_id, exc_info=fault)
            self._not_before[run.run_id] = time.monotonic() + delay(run.attempts)
        else:
            log().info("run ended", run_id=run.run_id, status=ingest.run.status, sent=ingest.run.sent, message=ingest.run.message)
        finally:
            ingest.close()
            await pace.close()
            await publisher.close()
        return ingest.run

    async def _uncancelled(self, ingest: Ingest, run: Run, stop: asyncio.Event) -> None:
        """The attempt, ended as a failure where the run has been cancelled."""
        try:
            if run.run_id in self._cancelled:
                raise Stopped
            await self._through(ingest, run, stop)
        except Stopped:
            if (why := self._cancelled.get(run.run_id)) is None:
                raise
            raise FileFault(f"cancelled: {why}") from None

    async def _through(self, ingest: Ingest, run: Run, stop: asyncio.Event) -> None:
        """The attempt is published, the input opened and its rows sent; raises what an input may raise."""
        if run.attempts >= MOST_ATTEMPTS:
            raise FileFault(f"given up after {run.attempts} attempts")
        await ingest.begin()
        given, request = await self._opened(run, stop)
        await ingest.opened(given, **request)
        await ingest.carry_out()

    async def _opened(self, run: Run, stop: asyncio.Event) -> tuple[Input, dict[str, object]]:
        """The input, unless the run is to stop first: a download may take long."""
        opening = tasks.start(self._open_input(run, stop), expected=(Exception,))
        stopping = tasks.start(stop.wait())
        try:
            await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                raise Stopped
            return opening.result()
        finally:
            opening.cancel()
            stopping.cancel()

    async def _open_input(self, run: Run, stop: asyncio.Event) -> tuple[Input, dict[str, object]]:
        """The run's input, and what is to be kept in its request; raises `FileFault`."""
        try:
            if run.run_kind == "snapshot":
                raise FileFault("the fetcher that took it stopped on the way")
            if run.run_kind == "replay":
                return ReplayInput(self._settings.kafka, run, msgspec.convert(run.request, runs.ReplayRequest)), {}
            if run.run_kind == "daily":
                return self._pages(run, spans.daily(msgspec.convert(run.request, runs.DailyRequest)), stop), {}
            if run.run_kind == "backfill":
                return self._pages(run, spans.backfill(msgspec.convert(run.request, runs.BackfillRequest)), stop), {}
            if run.run_kind == "orders":
                given = await OrdersInput.open(
                    run, msgspec.convert(run.request, runs.OrdersRequest), self._settings.fetcher, self._settings.s3
                )
                return given, {"files": given.identities}
            request_type, reader = READERS[run.run_kind]
            request = msgspec.convert(run.request, request_type)
        except msgspec.ValidationError as fault:
            raise FileFault(f"the request cannot be read: {fault}") from None
        rows = reader(run, request)
        file = await bring(request.path, self._settings.fetcher, self._settings.s3)
        return FileInput(file, rows, request.file), {"file": file.identity}

    def _pages(self, run: Run, wanted: list[spans.Span], stop: asyncio.Event) -> Pages:
        reached = access(run.source, self._settings)
        bucket = self._buckets.of(reached.shared, reached.budget)
        return Pages(run, reached, wanted, Client(run.source, reached, bucket, stop, self._tell))
