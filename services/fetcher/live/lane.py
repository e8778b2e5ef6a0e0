"""One source's way into Kafka: frames in order, a bounded number unacknowledged, a heartbeat a second, every outage on record.

A heartbeat is written after everything received before it is acknowledged, and so is what is told on pipeline.sources.v1: a state with its
checkpoint, holes and their ends. What was received and not acknowledged when a fetcher died is told as a gap by its successor: from the
last acknowledged moment to the new connection; trades with ids are known one by one, from what the log holds behind the checkpoint.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import msgspec

from services.fetcher.live.leases import home
from services.fetcher.live.predecessor import died, predecessor
from services.fetcher.live.watch import Watch
from services.fetcher.publish import Publisher, Record
from shared.bus import Log
from shared.errors import Rejected
from shared.events import Closed, Connection, Fact, Gap, Heartbeat, Hole, Kind, Progress, SourceState
from shared.partitioning import partition
from shared.providers import PROVIDERS
from shared.records import TAPE_PAGE, cloud_event, header
from shared.settings import Fetcher, Kafka
from shared.tape import Tape, numbers
from shared.telemetry import metrics
from shared.telemetry.logs import log
from shared.telemetry.probes import Health
from shared.time import DAY
from shared.topics import MARKET_RAW, SOURCES

FLUSH_SECONDS = 0.005
State = Literal["connected", "disconnected", "failed", "left", "closed"]
MOST_PROBLEMS = 50  # of a source, on record
# A venue that is connected to greets: it confirms, and repeats its last trade. That is no sign of its market going on.
GREETING_US = 5_000_000
# What a predecessor received before its checkpoint and got acknowledged behind it lies within this time around it.
BEFORE_US, BEHIND_US = 2_000_000, 60_000_000


def now_us() -> int:
    """The receive time of what arrives now."""
    return time.time_ns() // 1000


class Lane:
    """`inherit` first; `take` frames, `connected`/`disconnected`; `run` sends until `stop`, then says how the source was left.

    Of `kinds` an outage is a hole for good; the trades of the `watch` are missed one by one.
    """

    def __init__(
        self,
        kafka: Kafka,
        fetcher: Fetcher,
        source: str,
        provider: str,
        keys: Sequence[str],
        kinds: Sequence[Kind] = (),
        watch: Watch | None = None,
        health: Health | None = None,
    ) -> None:
        self._kafka, self._interval, self._limit = kafka, fetcher.heartbeat_seconds, fetcher.in_flight
        self._kinds = kinds
        self.source, self._provider = source, provider
        self._publisher = Publisher(kafka, client_id=f"fetcher-{source}", in_flight=fetcher.in_flight, health=health)
        self._keys: dict[str, tuple[bytes, int]] = {}
        self._partitions: set[int] = set()
        self._together = list(keys) == [""]
        for key in keys:
            self._place(key)
        self._waiting: list[tuple[int, Record]] = []
        self._room = asyncio.Event()
        self._room.set()
        self.epoch = now_us()
        self.watch = watch
        self.final = True
        self._progress: dict[str, Progress] = {}
        self._told: list[Record] = []
        self._begun_at = self._upto = 0
        self._state: State = "disconnected"
        metrics.CONNECTED.labels(source).set(0)
        for counter in (metrics.BACK_PRESSURE, metrics.RECONNECTS, metrics.RECEIVED):
            counter.labels(source)  # at nought from the start: a rate needs where it began
        self._counted = 0
        self._reason, self._since = "", 0
        self._gap: Gap | None = None
        self.received = self.acknowledged = self.connects = 0
        self.heard_at = self.connected_at = 0
        self._news_at = self._greeted_at = 0
        self.failures = self.next_run = 0  # in a row; us, of a source that is asked
        self.problems: dict[str, str] = {}  # by symbol: why the venue does not give it

    @property
    def state(self) -> State:
        """Whether it is connected."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it is not."""
        return self._reason

    def take(self, native: str, payload: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
        """One frame or response, received now."""
        key, place = self._keys.get(native) or self._place(native)
        self.heard_at = now_us()
        self._waiting.append((place, (key, payload, headers or [], self.heard_at // 1000)))
        self.received += 1
        if self.watch is not None and not headers:
            self._watch_frame(self.watch, payload, self.heard_at)
        if len(self._waiting) >= self._limit:
            self._room.clear()

    def _watch_frame(self, watch: Watch, payload: bytes, now: int) -> None:
        """A frame that no parser is made for is on its way already: the transformer rejects it on record."""
        try:
            watch.frame(payload, now)
        except Exception as fault:  # noqa: BLE001 one frame must not end its source
            log().error("frame not read", source=self.source, frame=payload[:200], exc_info=fault)

    async def room(self) -> None:
        """Waits while too much is unacknowledged: the reader stops reading, the venue's side fills up."""
        if not self._room.is_set():
            metrics.BACK_PRESSURE.labels(self.source).inc()
            await self._room.wait()

    def connected(self, *, greets: bool = False) -> None:
        """A connection is up: what went by since the last one is a gap."""
        at = now_us()
        self._greeted_at = at + GREETING_US if greets else 0
        self._begun_at, self.connected_at = self._begun_at or at, at
        if self._since:
            self._gap = Gap(self._since, at, self._reason)
            if self.watch is not None:
                self.watch.interrupted(self._reason)
            for kind in self._kinds:
                self.tell(Hole(self.source, "", kind, self._since, at, "open", self._reason, at, message="the venue has no history of it"))
        self._state, self._reason, self._since = "connected", "", 0
        self.connects += 1
        self.failures = 0
        metrics.CONNECTED.labels(self.source).set(1)
        self._control("connection", Connection(self.source, self.epoch, "connected"))
        if self._gap:
            self._control("connection", Connection(self.source, self.epoch, "gap", self._gap.reason))

    def news_at(self) -> int:
        """When it last said more than a greeting, us; the lane's beginning where it never did."""
        if self.heard_at >= self._greeted_at:
            self._news_at = self.heard_at
        return max(self._news_at, self.epoch)

    def disconnected(self, reason: str) -> None:
        """The connection is gone, or there is still none."""
        self.failures += 1
        if self._state == "connected":
            self._since = self.heard_at or now_us()
            self._control("connection", Connection(self.source, self.epoch, "disconnected", reason))
        self._state, self._reason = "disconnected", reason
        metrics.CONNECTED.labels(self.source).set(0)

    def failed(self, reason: str) -> None:
        """What should keep the connection ended with a fault of its own; it is started again."""
        self.disconnected(reason)
        self._state = "failed"

    def tell(self, hole: Hole) -> None:
        """A hole, as it now stands: told once everything taken before is acknowledged, and before any checkpoint that takes it as told."""
        key = f"{hole.source}|hole|{hole.symbol}|{hole.kind}|{hole.first or hole.start}"
        self._told.append(self._record("hole", key, hole, f"{hole.source}-{hole.symbol}-{hole.first or hole.start}-{hole.state}"))

    async def run(self, stop: asyncio.Event) -> None:
        """Sends what is taken; returns when `stop` is set and everything is acknowledged."""
        due = 0.0
        while not stop.is_set():
            await self._send()
            if time.monotonic() >= due:
                due = time.monotonic() + self._interval
                await self._beat()
            await asyncio.sleep(FLUSH_SECONDS)
        if self.final:
            self._control("closed", Closed(self.source, self.epoch))
        await self._send()
        self._state = "closed" if self.final else "left"
        await self._tell()
        await self._publisher.close()

    async def inherit(self) -> None:
        """Before the first connection: what the predecessor left open is a gap from its last acknowledged moment on."""
        async with Log(self._kafka) as reader:
            left = await predecessor(reader, self.source)
            if left is None:
                return
            self.succeed(left)
            if self.watch is not None and left.progress:
                self.watch.load(left.progress)
                for place in sorted(self._partitions):
                    await self._seen(reader, place, left.at)
                self.watch.interrupted(self._reason or "the source was closed")
                self._progress = self.watch.snapshot()

    def succeed(self, left: SourceState) -> None:
        """Goes on from a predecessor's last state, under an epoch above its own whatever the clocks say."""
        self.epoch = max(self.epoch, left.epoch + 1)
        self._begun_at = left.begun_at
        if left.state != "closed":
            moved = left.state == "left"
            self._since, self._reason = left.at, "the source moved to another fetcher" if moved else died(left.reason)

    async def _seen(self, reader: Log, place: int, at: int) -> None:
        """Trades that are in the log behind the checkpoint."""
        assert self.watch is not None
        first = await reader.since(MARKET_RAW, place, (at - BEFORE_US) // 1000)
        _, end = (await reader.ranges(MARKET_RAW, [place]))[place]
        prefix, whole = f"{self.source}|".encode(), self.source.encode()
        async for records in reader.read(MARKET_RAW, place, first, end):
            for record in records:
                if record.key is None or not (record.key == whole or record.key.startswith(prefix)):
                    continue
                if header(record.headers, "ce_type") == TAPE_PAGE:
                    native = record.key[len(prefix) :].decode() or PROVIDERS[self._provider].native_symbol(record.value or b"")
                    with suppress(Rejected):
                        self.take_page(native, record.value or b"", None)
                elif not record.headers:
                    self._watch_frame(self.watch, record.value or b"", record.timestamp * 1000)
            if records[-1].timestamp * 1000 > at + BEHIND_US:
                return

    def take_page(self, native: str, payload: bytes, headers: list[tuple[str, bytes]] | None) -> int:
        """A page of past trades, which without headers is in the log already; returns how many trades it holds. Raises `Rejected`."""
        assert self.watch is not None
        if headers is not None:
            self.take("" if self._together else native, payload, headers)
        found = numbers(self._page(self.watch.tape, native, payload))
        self.watch.page(native, [(number, at) for _, number, at in found], now_us())
        return len(found)

    def _page(self, tape: Tape, native: str, payload: bytes) -> Sequence[Fact | Rejected]:
        try:
            return tape.parse(payload, native)
        except Rejected:
            raise
        except Exception as fault:
            log().error("page not read", source=self.source, symbol=native, page=payload[:200], exc_info=fault)
            raise Rejected("malformed", f"a page of {native}: {type(fault).__name__}: {fault}") from fault

    async def _send(self) -> None:
        waiting, self._waiting, reached, upto = self._waiting, [], self.received, now_us()
        told, self._told = self._told, []
        progress = self.watch.snapshot() if self.watch is not None else {}
        by_place: dict[int, list[Record]] = {}
        for place, record in waiting:
            by_place.setdefault(place, []).append(record)
        await self._publisher.send_all(MARKET_RAW, by_place)
        await self._publisher.acknowledge()
        if waiting:
            metrics.ACKNOWLEDGE_SECONDS.labels(self.source).observe(time.time() - waiting[0][1][3] / 1000)
        self.acknowledged, self._progress, self._upto = reached, progress, upto
        if len(self._waiting) < self._limit:
            self._room.set()
        if told:
            await self._publisher.send(SOURCES, home(self.source), told)
            await self._publisher.acknowledge()

    async def _beat(self) -> None:
        """Everything taken so far is acknowledged here: `_send` has just returned and nothing awaited since."""
        if self.epoch > now_us() + DAY:  # this clock has been set back since: nobody takes an epoch so far ahead
            self.epoch = now_us()
        if self._state == "connected" and not self._waiting:
            self._control("heartbeat", Heartbeat(self.source, self.epoch, self.received, self.acknowledged))
        await self._tell()

    async def _tell(self) -> None:
        broken = self._state in ("disconnected", "failed", "left")
        at = self._since if broken and self._since else self._upto or now_us()
        # What is missing and not yet on the ledger of holes is not told as received.
        at = min([at, *(hole.start for known in self._progress.values() for hole in known.missing if not hole.told)])
        counts = (self.received, self.acknowledged, self.connects)
        whole = (self.source, self._provider, self.epoch, self._state, at, *counts, self._reason, self._gap, self._begun_at, self._progress)
        state = SourceState(*whole, problems=dict(sorted(self.problems.items())[:MOST_PROBLEMS]))
        self._gap = None
        await self._publisher.send(SOURCES, home(self.source), [self._record("source", self.source, state, f"{self.epoch}-{at}")])
        await self._publisher.acknowledge()
        metrics.HEARD.labels(self.source).set(self.news_at() / 1e6)
        metrics.RECEIVED.labels(self.source).inc(self.received - self._counted)
        self._counted = self.received

    def _record(self, kind: str, key: str, value: msgspec.Struct, event_id: str) -> Record:
        at = now_us()
        headers = cloud_event(kind, source=self.source, subject=self.source, event_id=event_id, time_us=at)
        return key.encode(), msgspec.json.encode(value), headers, at // 1000

    def _control(self, kind: str, value: msgspec.Struct) -> None:
        at = now_us()
        headers = cloud_event(kind, source=self.source, subject=self.source, event_id=f"{self.source}-{kind}-{at}", time_us=at)
        encoded = msgspec.json.encode(value)
        self._waiting += [(place, (self.source.encode(), encoded, headers, at // 1000)) for place in sorted(self._partitions)]

    def _place(self, native: str) -> tuple[bytes, int]:
        key = f"{self.source}|{native}".encode() if native else self.source.encode()
        place = partition(key, MARKET_RAW.partitions)
        self._partitions.add(place)
        if len(self._keys) < 10_000:
            self._keys[native] = (key, place)
        return key, place

    def forget(self) -> None:
        """A source that is taken out leaves the gauges: nobody waits for it any more."""
        for gauge in (metrics.CONNECTED, metrics.HEARD, metrics.INTERVAL):
            with suppress(KeyError):
                gauge.remove(self.source)
