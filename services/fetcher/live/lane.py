"""One source's way into Kafka: frames in order, a bounded number unacknowledged, a heartbeat a second, every outage on record.

A heartbeat is written after everything received before it is acknowledged. What was received and not acknowledged when a fetcher died is
told as a gap by its successor: from the last acknowledged moment to the new connection.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from services.fetcher.publish import Publisher, Record
from shared.bus import Log
from shared.events import Closed, Connection, Gap, Heartbeat, SourceState
from shared.partitioning import partition
from shared.records import cloud_event
from shared.settings import Fetcher, Kafka
from shared.telemetry import metrics
from shared.topics import MARKET_RAW, SOURCES

FLUSH_SECONDS = 0.005
_state = msgspec.json.Decoder(SourceState).decode
State = Literal["connected", "disconnected", "closed"]


def now_us() -> int:
    """The receive time of what arrives now."""
    return time.time_ns() // 1000


class Lane:
    """`inherit` first; `take` frames, `connected`/`disconnected`; `run` sends until `stop`, then says that the source is closed."""

    def __init__(self, kafka: Kafka, fetcher: Fetcher, source: str, provider: str, keys: Sequence[str]) -> None:
        self._kafka, self._interval, self._limit = kafka, fetcher.heartbeat_seconds, fetcher.in_flight
        self.source, self._provider = source, provider
        self._publisher = Publisher(kafka, client_id=f"fetcher-{source}", in_flight=fetcher.in_flight)
        self._keys: dict[str, tuple[bytes, int]] = {}
        self._partitions: set[int] = set()
        for key in keys:
            self._place(key)
        self._waiting: list[tuple[int, Record]] = []
        self._room = asyncio.Event()
        self._room.set()
        self._epoch = now_us()
        self._state: State = "disconnected"
        self._reason, self._since = "", 0
        self._gap: Gap | None = None
        self.received = self.acknowledged = self.connects = 0
        self.heard_at = 0

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
        if len(self._waiting) >= self._limit:
            self._room.clear()

    async def room(self) -> None:
        """Waits while too much is unacknowledged: the reader stops reading, the venue's side fills up."""
        if not self._room.is_set():
            metrics.BACK_PRESSURE.labels(self.source).inc()
            await self._room.wait()

    def connected(self) -> None:
        """A connection is up: what went by since the last one is a gap."""
        at = now_us()
        if self._since:
            self._gap = Gap(self._since, at, self._reason)
        self._state, self._reason, self._since = "connected", "", 0
        self.connects += 1
        self._control("connection", Connection(self.source, self._epoch, "connected"))
        if self._gap:
            self._control("connection", Connection(self.source, self._epoch, "gap", self._gap.reason))

    def disconnected(self, reason: str) -> None:
        """The connection is gone."""
        if self._state == "connected":
            self._since = self.heard_at or now_us()
            self._control("connection", Connection(self.source, self._epoch, "disconnected", reason))
        self._state, self._reason = "disconnected", reason

    async def run(self, stop: asyncio.Event) -> None:
        """Sends what is taken; returns when `stop` is set and everything is acknowledged."""
        due = 0.0
        while not stop.is_set():
            await self._send()
            if time.monotonic() >= due:
                due = time.monotonic() + self._interval
                await self._beat()
            await asyncio.sleep(FLUSH_SECONDS)
        self._control("closed", Closed(self.source, self._epoch))
        self._state = "closed"
        await self._send()
        await self._tell()
        await self._publisher.close()

    async def inherit(self) -> None:
        """Before the first connection: what the predecessor left open is a gap from its last acknowledged moment on."""
        async with Log(self._kafka) as log:
            record = await log.latest(SOURCES, self._home(), self.source.encode())
        left = _state(record.value) if record and record.value else None
        if left is not None:
            self._epoch = max(self._epoch, left.epoch + 1)
            if left.state != "closed":
                self._since, self._reason = left.at, "the fetcher before this one died"

    async def _send(self) -> None:
        waiting, self._waiting, reached = self._waiting, [], self.received
        by_place: dict[int, list[Record]] = {}
        for place, record in waiting:
            by_place.setdefault(place, []).append(record)
        for place, records in by_place.items():
            await self._publisher.send(MARKET_RAW, place, records)
        await self._publisher.acknowledge()
        self.acknowledged = reached
        if len(self._waiting) < self._limit:
            self._room.set()

    async def _beat(self) -> None:
        """Everything taken so far is acknowledged here: `_send` has just returned and nothing awaited since."""
        if self._state == "connected" and not self._waiting:
            self._control("heartbeat", Heartbeat(self.source, self._epoch, self.received, self.acknowledged))
        await self._tell()

    async def _tell(self) -> None:
        at = self._since if self._state == "disconnected" and self._since else now_us()
        counts = (self.received, self.acknowledged, self.connects)
        state = SourceState(self.source, self._provider, self._epoch, self._state, at, *counts, self._reason, self._gap)
        headers = cloud_event("source", source=self.source, subject=self.source, event_id=f"{self._epoch}-{at}", time_us=at)
        record: Record = (self.source.encode(), msgspec.json.encode(state), headers, now_us() // 1000)
        self._gap = None
        await self._publisher.send(SOURCES, self._home(), [record])
        await self._publisher.acknowledge()

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

    def _home(self) -> int:
        return partition(self.source.encode(), SOURCES.partitions)
