"""One source of snapshots: its requests within its budget and its breaker, each told as an operational event."""

import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple

import httpx

from services.fetcher.live.bucket import Bucket
from services.fetcher.responses import TooLarge, get
from services.fetcher.snapshots import breaker as breakers
from services.fetcher.snapshots.breaker import Breaker, Rules
from services.fetcher.snapshots.plan import Ask, Refused, flags, prices, refusal
from shared.backoff import jitter
from shared.bus.reporter import Reporter
from shared.providers import PRICED
from shared.settings import Primary, Settings
from shared.snapshots import Attempt
from shared.telemetry import metrics


class Answer(NamedTuple):
    """A response that may hold prices, as it was received."""

    source: str
    url: str
    status: int
    latency_ms: int
    attempt: int
    at: int  # us
    body: bytes


@dataclass(slots=True)
class Asked:
    """A source and how it has been of late. `again`: the last request may be worth another."""

    source: Primary
    settings: Settings
    bucket: Bucket
    reporter: Reporter | None = None
    breaker: Breaker = breakers.CLOSED
    last_success: int = 0  # us
    last_error: str = ""
    again: bool = field(default=False, init=False)

    @property
    def rules(self) -> Rules:
        """The breaker's."""
        return Rules(self.settings.snapshots.failures, self.settings.snapshots.open_seconds)

    def unavailable(self) -> str:
        """Why the source is not asked now; empty where it is."""
        now = time.monotonic()
        if not breakers.admits(self.breaker, now):
            return f"{breakers.said(self.breaker, now)} for {self.breaker.until - now:.1f} s more"
        return "" if self.bucket.left > 0 else "no budget left"

    def begin(self) -> None:
        """Somebody is about to ask."""
        self.breaker = breakers.begun(self.breaker, time.monotonic(), self.rules)

    @property
    def usable(self) -> bool:
        """Whether whoever has begun may go on."""
        return self.breaker.state == "half_open" or not self.unavailable()

    async def ask(self, client: httpx.AsyncClient, ask: Ask, number: int, seconds: float) -> tuple[Attempt, Answer | None]:
        """One request, at most `seconds` long."""
        await self.bucket.take()
        begun, status, body, found, said = time.perf_counter(), None, b"", {}, ""
        try:
            response = await get(client, ask.url, self._headers(), seconds)
            status, body = response.status, response.body
            if status != HTTPStatus.OK:
                raise refusal(status, response.wait)
            found = prices(self.source.provider, body, ask)
            self._settle(None)
        except Refused as fault:
            said = str(fault)
            self._settle(fault)
        except (httpx.HTTPError, TimeoutError, TooLarge) as fault:
            said = f"{type(fault).__name__}: {fault}"[:200].removesuffix(": ")
            self._settle(Refused(said, fault=True, again=True))
        latency, at, name = time.perf_counter() - begun, time.time_ns() // 1000, self.source.name
        if self.reporter is not None:
            self.reporter.tell(name, "request", status, latency)
        metrics.PROVIDER_SECONDS.labels(name, str(status or "none")).observe(latency)
        self.last_success, self.last_error = (at, "") if found else (self.last_success, said)
        told = flags(self.source.provider) if found else []
        attempt = Attempt(name, number, list(ask.symbols), at, round(latency * 1000), status, found, said, told)
        answer = Answer(name, ask.url, status, attempt.latency_ms, number, at, body) if status == HTTPStatus.OK else None
        return attempt, answer

    def _headers(self) -> dict[str, str]:
        key = self.settings.keys.of(self.source.provider)
        return PRICED[self.source.provider].authorized(key, self.source.base_url) if key else {}

    def _settle(self, fault: Refused | None) -> None:
        now = time.monotonic()
        self.again = fault is not None and fault.again
        if fault is None or (not fault.fault and fault.wait is None):
            self.breaker = breakers.succeeded(self.breaker, now)
        elif fault.fault:
            self.breaker = breakers.failed(self.breaker, now, self.rules, jitter())
        if fault is not None and fault.wait is not None:
            self.breaker = breakers.held(self.breaker, now, fault.wait)
        metrics.BREAKERS.labels(self.source.name).set(not breakers.admits(self.breaker, now))
