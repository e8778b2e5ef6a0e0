"""Asks a provider for pages: within its budget, `Retry-After` kept to, what passes waited out, answers bounded.

The key goes in a header, and only to the scheme, host and port that the settings name; a redirect is not followed.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from services.fetcher import responses
from services.fetcher.history.access import Access, same_place
from services.fetcher.live.bucket import Bucket
from services.fetcher.responses import Response, TooLarge
from shared import tasks
from shared.backoff import delay
from shared.errors import FileFault, Unavailable
from shared.telemetry import metrics
from shared.telemetry.logs import log

TRIES = 4
TIMEOUT_SECONDS = 20.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
Tell = Callable[[str, str, int | None, float], None]  # of a request that has ended: source, type, status, seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as it came; `attempt` counts from 1."""

    url: str
    body: bytes
    status: int
    latency_ms: int
    attempt: int


class Stopping(Exception):
    """The run is to be left where it stands."""


class Client:
    """One run's requests to one source; counts them."""

    def __init__(self, source: str, access: Access, bucket: Bucket, stop: asyncio.Event, tell: Tell | None = None) -> None:
        self._source, self._access, self._bucket, self._stop, self._tell = source, access, bucket, stop, tell
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
        self.requests = self.retries = 0

    async def get(self, url: str, attempt: int = 1) -> Answer:
        """A page with status 200. Raises `FileFault` where asking again cannot help, `Unavailable`, and `Stopping`."""
        if not same_place(self._access.base, url):
            raise FileFault(f"the next page is at another place than {self._access.base}: {url[:200]}")
        while True:
            wait: float | None = None
            self.retries += attempt > 1
            try:
                response, seconds = await self._ask(url)
            except (httpx.HTTPError, TimeoutError) as fault:
                said = f"{type(fault).__name__} {fault}".strip()
            else:
                if response.status == HTTPStatus.OK:
                    return Answer(url, response.body, response.status, round(seconds * 1000), attempt)
                said, wait = f"it answers {response.status}", response.wait
                if response.status not in _PASSING:
                    raise FileFault(_refusal(self._source, url, response))
            if attempt >= TRIES and wait is None:  # one that says when to come back is not given up
                raise Unavailable(f"{self._source}: {said}, {attempt} times")
            wait = delay(attempt - 1, first=0.5, cap=30.0) if wait is None else wait
            log().warning("asked again", source=self._source, reason=said, attempt=attempt, wait=round(wait, 1))
            metrics.RETRIES.labels("provider").inc()
            await self.pause(wait)
            attempt += 1

    async def pause(self, seconds: float) -> None:
        """Waits; raises `Stopping` as soon as the run is to be left."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
        raise Stopping

    async def close(self) -> None:
        """Ends the connection."""
        await self._http.aclose()

    async def _ask(self, url: str) -> tuple[Response, float]:
        await self._place()
        self.requests += 1
        begun = time.perf_counter()
        status: int | None = None
        headers = self._access.history.authorized(self._access.key, self._access.base)
        try:
            response = await responses.get(self._http, url, dict(headers), TIMEOUT_SECONDS)
            status = response.status
        except TooLarge as fault:
            raise FileFault(f"{self._source}: an answer has {fault}; ask for smaller pages") from None
        finally:
            seconds = time.perf_counter() - begun
            if self._tell is not None:
                self._tell(self._source, "request", status, seconds)
            metrics.asked(self._source, status, seconds)
        return response, seconds

    async def _place(self) -> None:
        """Waits for a place in the budget, or the end."""
        taking, stopping = tasks.start(self._bucket.take()), tasks.start(self._stop.wait())
        try:
            await asyncio.wait([taking, stopping], return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                raise Stopping
        finally:
            taking.cancel()
            stopping.cancel()


def _refusal(source: str, url: str, answer: Response) -> str:
    said = answer.body[:200].decode("utf-8", "replace")
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"{source} refuses the key ({answer.status}): set POLYGON_API_KEY or POLYGON_API_KEY_FILE. It says: {said}"
    return f"{source} answers {answer.status} to {url[:200]}: {said}"
