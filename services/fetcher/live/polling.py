"""A source that is asked: within the provider's budget, with conditional requests, `Retry-After` kept to, every answer as a record.

A symbol that the venue refuses is named in the source's state with the venue's words; the others are asked all the same.
"""

import asyncio
import time
from http import HTTPStatus

import httpx

from services.fetcher import responses
from services.fetcher.live.asks import Asks, Group
from services.fetcher.live.bucket import Bucket
from services.fetcher.live.lane import Lane, now_us
from services.fetcher.responses import Response
from shared.backoff import delay
from shared.bus.reporter import Reporter
from shared.providers import POLLING, PRICED
from shared.records import response_headers
from shared.settings import Source
from shared.telemetry import metrics, traces
from shared.telemetry.logs import log
from shared.time import SECOND

TIMEOUT_SECONDS = 10.0
WORDS = 200  # bytes of a refusal's body that are kept
# Shorter than servers keep idle connections: one that they have just closed would fail the next request.
IDLE = httpx.Limits(keepalive_expiry=2.0)
# Refusals of what was asked, not of who asks or how often.
_OF_THE_REQUEST = frozenset({400, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 422})


class Refused(Exception):
    """The venue answered, but not with prices; `wait` is what it asked for, in seconds; `asked`: another request may be answered."""

    def __init__(self, status: int, wait: float | None, body: bytes = b"") -> None:
        words = body[:WORDS].decode("utf-8", "replace").strip()
        super().__init__(f"status {status}: {words}" if words else f"status {status}")
        self.wait = wait
        self.asked = status in _OF_THE_REQUEST


FAULTS = (*responses.FAULTS, Refused)


def pause_after(fault: Exception, attempt: int, *, first: float, cap: float) -> float:
    """Seconds until the venue is asked again: as long as it wants, and never at once."""
    asked = fault.wait if isinstance(fault, Refused) else None
    return asked or delay(attempt, first=first, cap=cap)


async def run(source: Source, lane: Lane, bucket: Bucket, reporter: Reporter | None = None, key: str = "") -> None:
    """Asks every `interval_seconds` until cancelled, more seldom where the budget bears no more; a key goes into a header.

    Asked faster than its budget a source would use that up at once, and then be silent for most of a minute.
    """
    signed = PRICED[source.provider].authorized(key, source.base_url) if key else {}
    attempt = 0
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, limits=IDLE, headers=signed) as client:
        polled = _Polled(source, lane, bucket, reporter, client)
        while True:
            begun, wait = time.monotonic(), max(source.interval_seconds, polled.requests() * bucket.pace)
            metrics.INTERVAL.labels(source.name).set(wait)
            try:
                if await polled.round(attempt) and (attempt or not lane.connects or lane.state != "connected"):
                    lane.connected()
                attempt = 0
            except FAULTS as fault:
                lane.disconnected(f"{type(fault).__name__}: {fault}"[:300])
                wait = pause_after(fault, attempt, first=1.0, cap=60.0)
                if isinstance(fault, Refused):
                    bucket.pause(fault.wait or 0.0)
                attempt += 1
                log().warning("no prices", source=source.name, reason=str(fault), attempt=attempt, wait=round(wait, 1))
            pause = max(0.0, wait - (time.monotonic() - begun)) if not attempt else wait
            lane.next_run = now_us() + round(pause * SECOND)
            await asyncio.sleep(pause)


class _Polled:
    """One source's rounds."""

    def __init__(self, source: Source, lane: Lane, bucket: Bucket, reporter: Reporter | None, client: httpx.AsyncClient) -> None:
        self._lane, self._bucket, self._reporter, self._client = lane, bucket, reporter, client
        self._polling = POLLING[source.provider]
        self._base = source.base_url or self._polling.REST
        self._asks = Asks(source.symbols, source.interval_seconds)
        self._tags: dict[str, str] = {}

    def requests(self) -> int:
        """How many requests a round has."""
        return sum(len(self._polling.requests(self._base, group)) for group in self._asks.groups)

    async def round(self, attempt: int) -> bool:
        """Asks for what is due; whether the venue answered anything. Raises what `FAULTS` lists where it answered nothing."""
        pending, answered, last = self._asks.due(time.monotonic()), False, None
        while pending:
            group = pending.pop(0)
            try:
                await self._ask_for(group, attempt)
            except Refused as fault:
                if not fault.asked:
                    raise
                pending = self._asks.refused(group, str(fault), time.monotonic()) + pending
                last = fault
                if self._asks.venue_refuses():
                    break
            else:
                answered = True
                self._asks.answered(group)
        self._lane.problems = dict(self._asks.problems)
        if last is not None and not answered:
            raise last
        return answered

    async def _ask_for(self, group: Group, attempt: int) -> None:
        for address in self._polling.requests(self._base, group):
            await self._bucket.take()
            with traces.span("poll", source=self._lane.source):
                await self._ask(address, attempt)

    async def _ask(self, address: str, attempt: int) -> None:
        lane, tags = self._lane, self._tags
        headers = {"If-None-Match": tags[address]} if address in tags else {}
        response, latency = await ask(self._client, address, lane.source, self._reporter, headers)
        if response.status == HTTPStatus.NOT_MODIFIED:
            lane.heard_at = now_us()
            return
        if response.tag:
            tags[address] = response.tag
        said = response_headers(lane.source, address, response.status, round(latency * 1000), attempt + 1, now_us())
        lane.take("", response.body, [*said, *traces.headers()])
        await lane.room()


async def ask(
    client: httpx.AsyncClient, address: str, source: str, reporter: Reporter | None, headers: dict[str, str] | None = None
) -> tuple[Response, float]:
    """The answer (200 or 304) and its seconds; told and measured. Raises what `FAULTS` lists."""
    begun = time.perf_counter()
    status: int | None = None
    try:
        response = await responses.get(client, address, headers or {}, TIMEOUT_SECONDS)
        status = response.status
    finally:
        latency = time.perf_counter() - begun
        metrics.asked(source, status, latency)
        if reporter is not None:
            reporter.tell(source, "request", status, latency)
    if status not in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
        raise Refused(status, response.wait, response.body)
    return response, latency
