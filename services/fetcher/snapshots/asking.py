"""One source of snapshots: its requests within its budget and its breaker, each told as an operational event."""

import asyncio
import time
from dataclasses import dataclass
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
from shared.telemetry.logs import log


class Answer(NamedTuple):
    """A response that may hold prices, as it was received."""

    source: str
    url: str
    status: int
    latency_ms: int
    attempt: int
    at: int  # us
    body: bytes


class Outcome(NamedTuple):
    """A request that has ended. `fault`: the source's own; `again`: another may bring what this one has not."""

    attempt: Attempt
    answer: Answer | None
    fault: bool
    again: bool


@dataclass(slots=True)
class Asked:
    """A source and how it has been of late."""

    source: Primary
    settings: Settings
    bucket: Bucket
    reporter: Reporter | None = None
    breaker: Breaker = breakers.CLOSED
    last_success: int = 0  # us
    last_error: str = ""

    @property
    def rules(self) -> Rules:
        """The breaker's."""
        return Rules(self.settings.snapshots.failures, self.settings.snapshots.open_seconds)

    def unavailable(self) -> str:
        """Why the source is not asked now; empty where it is."""
        now = time.monotonic()
        if breakers.admits(self.breaker, now):
            return ""
        return f"{breakers.said(self.breaker, now)} for {self.breaker.until - now:.1f} s more"

    async def enter(self, patience: float) -> str:
        """Takes a place for one request, which must follow; says why there is none within `patience` seconds."""
        if reason := self.unavailable():
            return reason
        try:
            async with asyncio.timeout(patience):
                await self.bucket.take()
        except TimeoutError:
            return "no budget left"
        if reason := self.unavailable():  # somebody else's answer meanwhile
            return reason
        self.breaker = breakers.begun(self.breaker, time.monotonic(), self.rules)
        return ""

    async def ask(self, client: httpx.AsyncClient, ask: Ask, number: int, seconds: float) -> Outcome:
        """One request, at most `seconds` long, by who has entered."""
        begun, status, body, found = time.perf_counter(), None, b"", {}
        fault: Refused | None = None
        try:
            response = await get(client, ask.url, self._headers(), seconds)
            status, body = response.status, response.body
            if status != HTTPStatus.OK:
                raise refusal(status, response.wait)
            found = prices(self.source.provider, body, ask)
        except Refused as refused:
            fault = refused
        except (httpx.HTTPError, TimeoutError, TooLarge) as failure:
            fault = Refused(f"{type(failure).__name__}: {failure}"[:200].removesuffix(": "), fault=True, again=True)
        except Exception as failure:  # noqa: BLE001 of one source: its fallbacks are asked
            log().error("source not asked", source=self.source.name, exc_info=failure)
            fault = Refused(f"unexpected {type(failure).__name__}: {failure}"[:200], fault=True)
        latency, at, name, said = time.perf_counter() - begun, time.time_ns() // 1000, self.source.name, str(fault or "")
        self._settle(fault)
        if self.reporter is not None:
            self.reporter.tell(name, "request", status, latency)
        metrics.asked(name, status, latency)
        self.last_success, self.last_error = (at, "") if found else (self.last_success, said)
        told = flags(self.source.provider) if found else []
        attempt = Attempt(name, number, list(ask.symbols), at, round(latency * 1000), status, found, said, told)
        answer = Answer(name, ask.url, status, attempt.latency_ms, number, at, body) if status == HTTPStatus.OK else None
        return Outcome(attempt, answer, fault is not None and fault.fault, fault is not None and fault.again)

    def _headers(self) -> dict[str, str]:
        key = self.settings.keys.of(self.source.provider)
        return PRICED[self.source.provider].authorized(key, self.source.base_url) if key else {}

    def _settle(self, fault: Refused | None) -> None:
        now = time.monotonic()
        if fault is None or (not fault.fault and fault.wait is None):
            self.breaker = breakers.succeeded(self.breaker, now)
        elif fault.fault:
            self.breaker = breakers.failed(self.breaker, now, self.rules, jitter())
        if fault is not None and fault.wait is not None:
            self.breaker = breakers.held(self.breaker, now, fault.wait)
            self.bucket.pause(fault.wait)
        metrics.BREAKERS.labels(self.source.name).set(not breakers.admits(self.breaker, now))
