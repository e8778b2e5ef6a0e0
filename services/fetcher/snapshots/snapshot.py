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
            if self._left() <= 0:
                self.skipped.append(Skipped(source.source.name, "the time is up"))
            elif reason := source.unavailable():
                self.skipped.append(Skipped(source.source.name, reason))
            else:
                await self._visit(source, missing)
                missing = [asset for asset in missing if not any(asset in attempt.prices for attempt in self.attempts)]
        return Snapshot(started, time.time_ns() // 1000, list(wanted), self.attempts, self.skipped)

    async def _visit(self, source: Asked, missing: Sequence[str]) -> None:
        """What fails for the source's own fault fails for its other assets too: they are not asked for."""
        source.begin()
        for ask in asks(source.source.provider, source.source.base_url, missing):
            await self._try(source, ask)
            if source.again or not source.usable or self._left() <= 0:
                return

    async def _try(self, source: Asked, ask: Ask) -> None:
        for number in range(1, self._settings.attempts + 1):
            attempt, answer = await source.ask(self._client, ask, number, min(self._settings.timeout_seconds, self._left()))
            self.attempts.append(attempt)
            if answer is not None:
                self.answers.append(answer)
            pause = delay(number - 1, first=self._settings.backoff_seconds, cap=5.0)
            if not source.again or not source.usable or number == self._settings.attempts or self._left() <= pause:
                return
            await asyncio.sleep(pause)

    def _left(self) -> float:
        return self._until - time.monotonic()
