"""Holes in a source's trades, filled from the venue's history: exactly what is missing, page by page, within the budget.

A hole goes on the ledger when it is due, and once more when it has ended: after the pages that filled it are acknowledged.
Each symbol waits for itself: one that the venue refuses is named in the source's state, and the others' holes are filled.
"""

import asyncio
import time
from dataclasses import dataclass

import httpx

from services.fetcher.live.bucket import Bucket
from services.fetcher.live.lane import Lane, now_us
from services.fetcher.live.polling import FAULTS as UNANSWERED
from services.fetcher.live.polling import IDLE, TIMEOUT_SECONDS, Refused, ask, pause_after
from services.fetcher.live.watch import Watch
from services.fetcher.responses import TooLarge
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
MOST_PAGES = 1000  # of one symbol in one turn
PATIENCE = 3  # answers that fail in a row, of whichever symbols, before the venue is left alone for a while
PART = "history"  # what a problem of no symbol is listed under
FAULTS = (*UNANSWERED, Rejected)


@dataclass(slots=True)
class _Symbol:
    """How the history of a symbol has answered."""

    attempt: int = 0
    not_before: float = 0.0
    connects: int = 0  # the connection after which its newest trade was asked for
    asked_at: int = 0  # us, for its newest trade


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
        self._of_symbol: dict[str, _Symbol] = {}
        self._attempt, self._not_before = 0, 0.0

    async def anchor(self) -> None:
        """Before the first connection: the newest trade of each symbol that nothing is known of. From there on nothing may be missing."""
        for native in sorted(self._watch.natives - self._watch.progress.keys()):
            if not self._base or self._watch.sparse:
                return
            try:
                await self._newest(native)
            except FAULTS as fault:
                self._failed(native, fault, [])
                log().warning("begins with its first frame", source=self._lane.source, symbol=native, reason=str(fault))
                if not _of_symbol(fault):
                    return

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self._turn()
            self._lane.problems.pop(PART, None)
            await asyncio.sleep(PAUSE_SECONDS)

    def failed(self, reason: str) -> None:
        """Its work ended with a fault of its own; it is started again."""
        self._lane.problems[PART] = reason

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()

    async def follow(self, interval: float) -> None:
        """In place of a stream: asks every `interval` seconds for what came behind the checkpoint, until cancelled."""
        attempt, lane = 0, self._lane
        while True:
            begun, wait = time.monotonic(), interval
            answered, fault = await self._follow_once()
            if answered and lane.state != "connected":
                lane.connected()
            if fault is not None and not answered:
                lane.disconnected(f"{type(fault).__name__}: {fault}"[:300])
                wait = pause_after(fault, attempt, first=1.0, cap=60.0)
                attempt += 1
            else:
                attempt = 0
            await asyncio.sleep(wait if attempt else max(0.0, wait - (time.monotonic() - begun)))

    async def _follow_once(self) -> tuple[bool, Exception | None]:
        """Whether the venue answered for any symbol, and the last fault."""
        answered, last = False, None
        for native in sorted(self._watch.natives):
            if self._waits(native):
                continue
            try:
                await self._behind(native)
            except FAULTS as fault:
                last = fault
                self._failed(native, fault, [])
                if not _of_symbol(fault):
                    break
            else:
                answered = True
                self._well(native)
        return answered, last

    async def _behind(self, native: str) -> None:
        """Pages behind the checkpoint, until one is not full or brings nothing newer."""
        for _ in range(MOST_PAGES):
            known = self._watch.progress.get(native)
            if known is None:
                return await self._newest(native)
            asked = self._watch.tape.following(self._base, native, self._watch.channel, known.last, known.at)
            count = await self._take(native, asked)
            if count < self._watch.tape.PAGE or self._watch.progress[native].last == known.last:
                return None
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
        """A page of every hole, and the newest trades that are to be asked for; a symbol that fails waits, the others go on."""
        holes: dict[str, list[Missing]] = {}
        for native, hole in due:
            holes.setdefault(native, []).append(hole)
        for native in sorted(self._watch.natives):
            if self._waits(native):
                continue
            try:
                asked = await self._head(native)
                for hole in holes.get(native, ()):
                    await self._page(native, hole)
                    asked = True
            except FAULTS as fault:
                self._failed(native, fault, holes.get(native, []))
                if not _of_symbol(fault):
                    return
            else:
                if asked:
                    self._well(native)

    def _waits(self, native: str) -> bool:
        known = self._of_symbol.get(native)
        return known is not None and known.not_before > time.monotonic()

    def _well(self, native: str) -> None:
        """The venue has answered for the symbol."""
        self._attempt = 0
        known = self._of_symbol.setdefault(native, _Symbol())
        known.attempt, known.not_before = 0, 0.0
        self._lane.problems.pop(self._canonical(native), None)

    def _failed(self, native: str, fault: Exception, holes: list[Missing]) -> None:
        """Puts the fault on record, in the venue's words, and lets the symbol wait; after several in a row the whole venue."""
        known = self._of_symbol.setdefault(native, _Symbol())
        wait = pause_after(fault, known.attempt, first=0.5, cap=60.0 if _of_symbol(fault) else 30.0)
        known.attempt += 1
        known.not_before = time.monotonic() + wait
        if not _of_symbol(fault):
            self._attempt += 1
            if self._attempt >= PATIENCE or (isinstance(fault, Refused) and fault.wait):
                self._not_before = known.not_before
            if isinstance(fault, Refused):
                self._bucket.pause(fault.wait or 0.0)
        said = f"{type(fault).__name__}: {fault}"[:300]
        self._lane.problems[self._canonical(native)] = said
        log().warning("history does not answer", source=self._lane.source, symbol=native, reason=said, wait=round(wait, 1))
        for hole in holes:
            work = self._of(native, hole)
            if work.message != said:
                work.message = said
                self._tell(native, hole, "open")

    async def _head(self, native: str) -> bool:
        """Asks for the newest trade after a connect, and where the symbol has gone quiet: a hole may be at the end."""
        if self.follows or self._watch.sparse or not self._lane.connects:
            return False
        known, connects, now = self._of_symbol.setdefault(native, _Symbol()), self._lane.connects, now_us()
        last = max(self._watch.seen_at.get(native, 0), self._lane.connected_at)
        quiet = now - last > QUIET_US and known.asked_at < last
        if known.connects == connects and not quiet:
            return False
        await self._newest(native)
        known.connects, known.asked_at = connects, now
        return True

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
            attempt = self._of_symbol.setdefault(native, _Symbol()).attempt + 1
            said = (self._lane.source, asked.url, response.status, round(latency * 1000), attempt, now_us(), TAPE_PAGE)
            count = self._lane.take_page(native, response.body, [*response_headers(*said), *traces.headers()])
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

    def _canonical(self, native: str) -> str:
        return self._symbols.get(native) or canonical(native)

    def _of(self, native: str, hole: Missing) -> _Work:
        return self._work.setdefault((native, hole.first), _Work())

    def _tell(self, native: str, hole: Missing, state: str) -> None:
        work, at = self._of(native, hole), now_us()
        where = (self._lane.source, self._canonical(native), kind_of(self._watch.channel), hole.start, hole.end)
        ended = 0 if state == "open" else at
        message = "" if state == "repaired" else work.message
        self._lane.tell(Hole(*where, state, hole.reason, hole.found_at, hole.first, hole.last, ended, work.requests, message))  # type: ignore[arg-type]
        log().info("hole", source=where[0], symbol=where[1], state=state, first=hole.first, last=hole.last, requests=work.requests)


def _of_symbol(fault: Exception) -> bool:
    """Whether the fault is of what was asked: then the venue may answer for another symbol."""
    return isinstance(fault, Rejected | TooLarge) or (isinstance(fault, Refused) and fault.asked)
