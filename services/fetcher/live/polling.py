"""A source that is asked: within the provider's budget, with conditional requests, `Retry-After` kept to, every answer as a record."""

import asyncio
import time

import httpx

from services.fetcher.live.bucket import Bucket
from services.fetcher.live.lane import Lane, now_us
from shared.backoff import delay
from shared.bus.reporter import Reporter
from shared.providers import POLLING, PRICED
from shared.records import response_headers
from shared.settings import Source
from shared.telemetry import metrics, traces
from shared.telemetry.logs import log
from shared.time import SECOND
from shared.topics import RAW_LIMIT

TIMEOUT_SECONDS = 10.0
# Shorter than servers keep idle connections: one that they have just closed would fail the next request.
IDLE = httpx.Limits(keepalive_expiry=2.0)


class Refused(Exception):
    """The venue answered, but not with prices; `wait` is what it asked for, in seconds."""

    def __init__(self, status: int, wait: float | None) -> None:
        super().__init__(f"status {status}")
        self.wait = wait


async def run(source: Source, lane: Lane, bucket: Bucket, reporter: Reporter | None = None, key: str = "") -> None:
    """Asks every `interval_seconds` until cancelled, more seldom where the budget bears no more; a key goes into a header.

    Asked faster than its budget a source would use that up at once, and then be silent for most of a minute.
    """
    polling = POLLING[source.provider]
    addresses = polling.requests(source.base_url or polling.REST, source.symbols)
    tags: dict[str, str] = {}
    attempt = 0
    signed = PRICED[source.provider].authorized(key, source.base_url) if key else {}
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, limits=IDLE, headers=signed) as client:
        while True:
            begun, wait = time.monotonic(), max(source.interval_seconds, len(addresses) * bucket.pace)
            metrics.INTERVAL.labels(source.name).set(wait)
            try:
                for address in addresses:
                    await bucket.take()
                    with traces.span("poll", source=source.name):
                        await _ask(client, address, tags, lane, attempt, reporter)
                if attempt or not lane.connects:
                    lane.connected()
                attempt = 0
            except (httpx.HTTPError, Refused) as fault:
                lane.disconnected(f"{type(fault).__name__}: {fault}"[:200])
                asked = fault.wait if isinstance(fault, Refused) else None
                bucket.pause(asked or 0.0)
                wait = asked if asked is not None else delay(attempt, first=1.0, cap=60.0)
                attempt += 1
                log().warning("no prices", source=source.name, reason=str(fault), attempt=attempt, wait=round(wait, 1))
            pause = max(0.0, wait - (time.monotonic() - begun)) if not attempt else wait
            lane.next_run = now_us() + round(pause * SECOND)
            await asyncio.sleep(pause)


async def _ask(client: httpx.AsyncClient, address: str, tags: dict[str, str], lane: Lane, attempt: int, reporter: Reporter | None) -> None:
    headers = {"If-None-Match": tags[address]} if address in tags else {}
    response, latency = await ask(client, address, lane.source, reporter, headers)
    if response.status_code == httpx.codes.NOT_MODIFIED:
        lane.heard_at = now_us()
        return
    if tag := response.headers.get("ETag"):
        tags[address] = tag
    said = response_headers(lane.source, address, response.status_code, round(latency * 1000), attempt + 1, now_us())
    lane.take("", response.content, [*said, *traces.headers()])
    await lane.room()


async def ask(
    client: httpx.AsyncClient, address: str, source: str, reporter: Reporter | None, headers: dict[str, str] | None = None
) -> tuple[httpx.Response, float]:
    """The answer (200 or 304) and its seconds; told and measured. Raises `Refused` and `httpx.HTTPError`."""
    begun = time.perf_counter()
    try:
        response = await _bounded(client, address, headers or {})
    except (httpx.HTTPError, Refused):
        metrics.asked(source, None, time.perf_counter() - begun)
        if reporter is not None:
            reporter.tell(source, "request", None, time.perf_counter() - begun)
        raise
    latency = time.perf_counter() - begun
    if reporter is not None:
        reporter.tell(source, "request", response.status_code, latency)
    metrics.asked(source, response.status_code, latency)
    if response.status_code not in (httpx.codes.OK, httpx.codes.NOT_MODIFIED):
        raise Refused(response.status_code, _retry_after(response.headers.get("Retry-After")))
    return response, latency


async def _bounded(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> httpx.Response:
    """The response, its body read up to the largest raw record."""
    async with client.stream("GET", address, headers=headers) as response:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > RAW_LIMIT:
                raise Refused(response.status_code, None)
        return httpx.Response(response.status_code, headers=_plain(response.headers), content=bytes(body))


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Without what described the encoding that is undone by now."""
    return [
        (name, value) for name, value in headers.items() if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
    ]


def _retry_after(value: str | None) -> float | None:
    """Seconds; a date is left to the ordinary pause."""
    return min(float(value), 3600.0) if value and value.isascii() and value.isdigit() else None
