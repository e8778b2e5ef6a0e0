"""A provider's answers as a run's input: one row a page, in the order of symbols and time.

Where the next page is, is part of the run's record: who takes the run up again asks for what is missing, and for nothing twice.
"""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from services.fetcher.history.access import Access
from services.fetcher.history.client import TRIES, Answer, Client, Stopping
from services.fetcher.history.spans import Span
from services.fetcher.protocol import Item, Output
from shared.backoff import delay
from shared.errors import FileFault, Rejected, Unavailable
from shared.events import Bar, Run
from shared.partitioning import partition
from shared.records import Row, response_headers
from shared.telemetry import traces
from shared.telemetry.traces import Headers
from shared.topics import MARKET_RAW

MOST_BARREN = 5


class Checkpoint(msgspec.Struct, frozen=True):
    """The span that is being asked for, its next page (None: the first), and how many rows came before."""

    span: int = 0
    page: str | None = None
    rows: int = 0


class _Counted(msgspec.Struct, frozen=True):
    """Requests of earlier attempts."""

    requests: int = 0
    retries: int = 0


class Pages:
    """The pages of all spans behind the checkpoint of the run's record."""

    progress_seconds = 0.0  # a row costs a request

    def __init__(self, run: Run, access: Access, spans: Sequence[Span], client: Client) -> None:
        self._run, self._access, self._spans, self._client = run, access, spans, client
        self._at = msgspec.convert(run.checkpoint, Checkpoint)
        self._before = msgspec.convert(run.result, _Counted)
        self._seen: set[str] = set()
        self._newest = self._barren = 0  # event time of the newest bar of the span, us; pages in a row without a newer one
        self.bytes_total = len(spans)  # in spans, since nobody knows how long the answers are

    @property
    def bytes_read(self) -> int:
        """How many spans are done."""
        return self._at.span

    @property
    def partitions(self) -> set[int]:
        """Where its rows go, those of earlier attempts too."""
        return {self._place(span)[0] for span in self._spans}

    def progress(self) -> dict[str, Any]:
        """What the run's record says of it besides rows."""
        before = self._before
        counted = {"requests": before.requests + self._client.requests, "retries": before.retries + self._client.retries}
        return {"result": counted, "checkpoint": msgspec.to_builtins(self._at)}

    async def batches(self) -> AsyncIterator[Sequence[Output]]:
        """A page at a time; raises `FileFault` and `Unavailable`; an empty batch where the run is to be left."""
        try:
            while self._at.span < len(self._spans):
                span = self._spans[self._at.span]
                if self._at.page is None:
                    self._seen, self._newest, self._barren = {self._first(span)}, 0, 0
                async for item in self._page(span, self._at.page or self._first(span)):
                    yield [item]
        except Stopping:
            yield []
        finally:
            await self._client.close()

    def note(self) -> str:
        """Nothing is left out."""
        return ""

    def close(self) -> None:
        """The client is closed where the pages end."""

    def _first(self, span: Span) -> str:
        return self._access.history.first(self._access.base, *span, self._access.page)

    async def _page(self, span: Span, url: str) -> AsyncIterator[Item]:
        """The page at a URL; answers that are no page go before it, to be rejected on record."""
        attempt, garbled = 1, 0
        while True:
            with traces.span("page", source=self._run.source, run_id=self._run.run_id):
                answer = await self._client.get(url, attempt)
                traced = traces.headers()
            try:
                following = self._access.history.following(url, answer.body)
            except Rejected as fault:
                garbled += 1
                if garbled >= TRIES:
                    raise Unavailable(f"{self._run.source}: what it answers is no page: {fault.message}") from None
                self._at = Checkpoint(self._at.span, self._at.page, self._at.rows + 1)
                yield self._item(span, answer, traced)
                await self._client.pause(delay(answer.attempt - 1, first=0.5, cap=30.0))
                attempt = answer.attempt + 1
                continue
            if following is not None:
                self._advanced(answer.body, following)
            ended = following is None
            self._at = Checkpoint(self._at.span + ended, following, self._at.rows + 1)
            yield self._item(span, answer, traced)
            return

    def _advanced(self, body: bytes, following: str) -> None:
        """Raises `FileFault` for a page that leads back, and after several in a row that bring nothing newer: those have no end."""
        if following in self._seen:
            raise FileFault(f"{self._run.source}: the next page is one that was asked for before: {following[:200]}")
        self._seen.add(following)
        newest = max((value.event_time for value in self._access.history.parse(body) if isinstance(value, Bar)), default=0)
        self._barren = 0 if self._newest < newest < self._spans[self._at.span].end else self._barren + 1
        self._newest = max(self._newest, newest)
        if self._barren >= MOST_BARREN:
            raise FileFault(f"{self._run.source}: {MOST_BARREN} pages in a row bring nothing newer, and there are more: {following[:200]}")

    def _item(self, span: Span, answer: Answer, traced: Headers) -> Item:
        number, key = self._place(span)
        told = answer.url, answer.status, answer.latency_ms, answer.attempt
        headers = response_headers(self._run.source, *told, time.time_ns() // 1000)
        return number, key, answer.body, [*headers, Row(self._run.run_id, self._at.rows, 0).header(), *traced]

    def _place(self, span: Span) -> tuple[int, bytes]:
        key = f"{self._run.source}|{self._access.history.native(span.symbol)}".encode()
        return partition(key, MARKET_RAW.partitions), key
