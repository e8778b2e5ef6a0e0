"""A snapshot: from source to source until every asset has a price, none is left to ask, or the time is up."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from services.fetcher.snapshots.asking import Answer, Asked
from services.fetcher.snapshots.plan import Ask, asks
from shared.backoff import delay
from shared.settings import Snapshots
from shared.snapshots import Attempt, Skipped, Snapshot

# A source whose budget has no place sooner is passed over: the next one is asked.
PATIENCE_SECONDS = 2.0


class Taking:
    """One snapshot being taken; `answers` are the responses to keep."""

    def __init__(self, settings: Snapshots, client: httpx.AsyncClient) -> None:
        self._settings, self._client = settings, client
        self._until = time.monotonic() + settings.deadline_seconds
        self.attempts: list[Attempt] = []
        self.skipped: list[Skipped] = []
        self.answers: list[Answer] = []

    async def take(self, wanted: Sequence[str], sources: Sequence[Asked]) -> Snapshot:
        """Asks the sources in their order, each for what is still missing."""
        started = time.time_ns() // 1000
        missing = list(wanted)
        for source in sources:
            if not missing:
                break
            await self._visit(source, missing)
            missing = [asset for asset in missing if not any(asset in attempt.prices for attempt in self.attempts)]
        return Snapshot(started, time.time_ns() // 1000, list(wanted), self.attempts, self.skipped)

    async def _visit(self, source: Asked, missing: Sequence[str]) -> None:
        """What fails for the source's own fault fails for its other assets too: they are not asked for."""
        for ask in asks(source.source.provider, source.source.base_url, missing):
            if not await self._try(source, ask):
                return

    async def _try(self, source: Asked, ask: Ask) -> bool:
        """Whether the source is worth asking for other assets."""
        for number in range(1, self._settings.attempts + 1):
            reason = await source.enter(min(PATIENCE_SECONDS, self._left())) if self._left() > 0 else "the time is up"
            if reason:
                self.skipped.append(Skipped(source.source.name, reason))
                return False
            outcome = await source.ask(self._client, ask, number, min(self._settings.timeout_seconds, max(self._left(), 0.1)))
            self.attempts.append(outcome.attempt)
            if outcome.answer is not None:
                self.answers.append(outcome.answer)
            if not outcome.again:
                return not outcome.fault and not source.unavailable()
            if number < self._settings.attempts:
                await asyncio.sleep(min(delay(number - 1, first=self._settings.backoff_seconds, cap=5.0), max(self._left(), 0.0)))
        return False

    def _left(self) -> float:
        return self._until - time.monotonic()
