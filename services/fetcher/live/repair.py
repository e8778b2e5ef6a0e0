"""Holes in a source's trades, filled from the venue's history: exactly what is missing, page by page, within the budget.

A hole goes on the ledger when it is due, and once more when it has ended: after the pages that filled it are acknowledged.
"""

import asyncio
import time
from dataclasses import dataclass

import httpx

from services.fetcher.live.bucket import Bucket
from services.fetcher.live.lane import Lane, now_us
from services.fetcher.live.polling import IDLE, TIMEOUT_SECONDS, Refused, ask
from services.fetcher.live.watch import Watch
from shared.backoff import delay
from shared.bus.reporter import Reporter
from shared.errors import Rejected
from shared.events import Hole, Missing
from shared.records import TAPE_PAGE, response_headers
from shared.symbols import canonical
from shared.tape import Asked, Wanted, kind_of
from shared.telemetry import traces
from shared.telemetry.logs import log

PAUSE_SECONDS = 0.25
QUIET_US = 10_000_000  # a symbol that says nothing for so long is asked for its newest trade, once
TRIES = 3  # of pages that bring nothing, before the venue is taken at its word
FAULTS = (httpx.HTTPError, Refused, Rejected)


@dataclass(slots=True)
class _Work:
    """What has been done for a hole."""

    requests: int = 0
    barren: int = 0
    message: str = ""


class Repair:
    """One source's; `base` is where its history is asked, empty where it is not to be."""

    def __init__(
        self,
        lane: Lane,
        watch: Watch,
        symbols: dict[str, str],
        base: str,
        bucket: Bucket,
        reporter: Reporter | None,
        *,
        streamed: bool = True,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._headers = headers
        self.follows = not streamed
        self._lane, self._watch, self._symbols, self._base = lane, watch, symbols, base
        self._bucket, self._reporter = bucket, reporter
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, limits=IDLE)
        self._work: dict[tuple[str, int], _Work] = {}
        self._asked_at: dict[str, int] = {}
        self._connects = 0
        self._attempt, self._not_before = 0, 0.0

    async def anchor(self) -> None:
        """Before the first connection: the newest trade of each symbol that nothing is known of. From there on nothing may be missing."""
        for native in sorted(self._watch.natives - self._watch.progress.keys()):
            if not self._base or self._watch.sparse:
                return
            try:
                await self._newest(native)
            except FAULTS as fault:
                log().warning("begins with its first frame", source=self._lane.source, symbol=native, reason=str(fault))
                return

    async def run(self) -> None:
        """Works until cancelled."""
        try:
            while True:
                await self._turn()
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await self._client.aclose()

    async def follow(self, interval: float) -> None:
        """In place of a stream: asks every `interval` seconds for what came behind the checkpoint, until cancelled."""
        attempt, lane = 0, self._lane
        while True:
            begun, wait = time.monotonic(), interval
            try:
                for native in sorted(self._watch.natives):
                    await self._behind(native)
                if attempt or not lane.connects:
                    lane.connected()
                attempt = 0
            except FAULTS as fault:
                lane.disconnected(f"{type(fault).__name__}: {fault}"[:200])
                asked = fault.wait if isinstance(fault, Refused) else None
                wait = asked if asked is not None else delay(attempt, first=1.0, cap=60.0)
                attempt += 1
            await asyncio.sleep(wait if attempt else max(0.0, wait - (time.monotonic() - begun)))

    async def _behind(self, native: str) -> None:
        """Pages behind the checkpoint, until one is not full."""
        while True:
            known = self._watch.progress.get(native)
            if known is None:
                return await self._newest(native)
            asked = self._watch.tape.following(self._base, native, self._watch.channel, known.last, known.at)
            if await self._take(native, asked) < self._watch.tape.PAGE:
                return None

    async def _turn(self) -> None:
        """Tells what is due, and fetches it unless the venue is waited for."""
        for native, hole in self._watch.too_many():
            self._end(native, hole, "lost", "more holes at a time than are kept")
        due = self._watch.due(now_us())
        for native, hole in due:
            if not hole.told:
                self._watch.told(native, hole)
                self._tell(native, hole, "open")
        if self._base and time.monotonic() >= self._not_before:
            await self._fetch(due)
        self._settle()

    async def _fetch(self, due: list[tuple[str, Missing]]) -> None:
        try:
            if not self.follows and not self._watch.sparse:
                await self._heads()
            for native, hole in due:
                await self._page(native, hole)
            self._attempt = 0
        except FAULTS as fault:
            asked = fault.wait if isinstance(fault, Refused) else None
            wait = asked if asked is not None else delay(self._attempt, first=0.5, cap=30.0)
            self._attempt += 1
            self._not_before = time.monotonic() + wait
            said = f"{type(fault).__name__}: {fault}"[:200]
            log().warning("history does not answer", source=self._lane.source, reason=said, wait=round(wait, 1), holes=len(due))
            for native, hole in due:
                work = self._of(native, hole)
                if work.message != said:
                    work.message = said
                    self._tell(native, hole, "open")

    async def _heads(self) -> None:
        """The newest trade of each symbol after a connect, and of those that have gone quiet: a hole may be at the end."""
        now = now_us()
        anew, self._connects = self._connects != self._lane.connects, self._lane.connects
        for native in sorted(self._watch.natives):
            last = max(self._watch.seen_at.get(native, 0), self._lane.connected_at)
            quiet = now - last > QUIET_US and self._asked_at.get(native, 0) < last
            if self._lane.connects and (anew or quiet):
                self._asked_at[native] = now
                try:
                    await self._newest(native)
                except FAULTS:
                    self._asked_at.pop(native)
                    self._connects = 0
                    raise

    async def _newest(self, native: str) -> None:
        await self._take(native, self._watch.tape.newest(self._base, native, self._watch.channel))

    async def _page(self, native: str, given: Missing) -> None:
        """One page of the first range that the hole still lacks."""
        hole = self._watch.hole(native, given.first)
        if hole is None or not hole.left:
            return
        first, last = hole.left[0]
        known = self._watch.progress[native].missing
        work = self._of(native, hole)
        work.requests += 1
        await self._take(native, self._watch.tape.page(self._base, Wanted(native, self._watch.channel, first, last, hole.after)))
        if self._watch.sparse and (rest := self._watch.hole(native, hole.first)) is not None and rest.left:
            self._end(native, rest, "repaired", "")
            return
        work.barren = work.barren + 1 if self._watch.progress[native].missing == known else 0
        if work.barren >= TRIES:
            self._end(native, hole, "lost", "the venue does not have it")

    async def _take(self, native: str, asked: Asked) -> int:
        await self._bucket.take(asked.weight)
        with traces.span("page", source=self._lane.source):
            response, latency = await ask(self._client, asked.url, self._lane.source, self._reporter, self._headers)
            said = (self._lane.source, asked.url, response.status_code, round(latency * 1000), self._attempt + 1, now_us(), TAPE_PAGE)
            count = self._lane.take_page(native, response.content, [*response_headers(*said), *traces.headers()])
        await self._lane.room()
        return count

    def _settle(self) -> None:
        for native, hole in self._watch.ended():
            self._watch.end(native, hole)
            self._tell(native, hole, "repaired")
            self._work.pop((native, hole.first), None)

    def _end(self, native: str, hole: Missing, state: str, message: str) -> None:
        self._of(native, hole).message = message
        self._watch.end(native, hole)
        self._tell(native, hole, state)
        self._work.pop((native, hole.first), None)

    def _of(self, native: str, hole: Missing) -> _Work:
        return self._work.setdefault((native, hole.first), _Work())

    def _tell(self, native: str, hole: Missing, state: str) -> None:
        work, at = self._of(native, hole), now_us()
        where = (self._lane.source, self._symbols.get(native, canonical(native)), kind_of(self._watch.channel), hole.start, hole.end)
        ended = 0 if state == "open" else at
        message = "" if state == "repaired" else work.message
        self._lane.tell(Hole(*where, state, hole.reason, hole.found_at, hole.first, hole.last, ended, work.requests, message))  # type: ignore[arg-type]
        log().info("hole", source=where[0], symbol=where[1], state=state, first=hole.first, last=hole.last, requests=work.requests)
