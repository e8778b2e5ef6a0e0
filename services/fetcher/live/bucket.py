"""A provider's budget over all the fetchers: in any window no more requests than it allows, by whoever asks.

Each replica may use the share that it owns of the sources' partitions. What a share has grown by was somebody else's in the window before,
and counts as spent by them.
"""

import asyncio
import time
from collections import deque

from shared.providers.venue import Budget


class Bucket:
    """Remembers when its last requests went out; `take` waits until one more fits."""

    def __init__(self, budget: Budget, share: float = 1.0) -> None:
        self._budget = budget
        self._most = _part(budget, share)
        self._taken: deque[float] = deque()
        self._lock = asyncio.Lock()
        self._resumes = 0.0

    @property
    def left(self) -> int:
        """How many requests fit just now."""
        now = time.monotonic()
        return max(0, self._most - sum(now - at < self._budget.seconds for at in self._taken))

    @property
    def pace(self) -> float:
        """Seconds from one request to the next that the budget bears for good."""
        return self._budget.seconds / self._most

    def pause(self, seconds: float) -> None:
        """The venue asks for a pause: nobody takes before it is over."""
        self._resumes = max(self._resumes, time.monotonic() + seconds)

    def share(self, share: float) -> None:
        """From now on this part of the budget, above 0 and at most 1."""
        before, self._most = self._most, _part(self._budget, share)
        self._taken.extend([time.monotonic()] * (self._most - before))

    async def take(self, weight: int = 1) -> None:
        """Waits for `weight` places in the budget; one request that weighs more than all of a share is let through alone."""
        async with self._lock:
            while (wait := self._wait(time.monotonic(), min(weight, self._most))) > 0:  # noqa: ASYNC110 how long is known
                await asyncio.sleep(wait)
            self._taken.extend([time.monotonic()] * weight)

    def _wait(self, now: float, weight: int) -> float:
        while self._taken and now - self._taken[0] >= self._budget.seconds:
            self._taken.popleft()
        lacking = len(self._taken) + weight - self._most
        return max(self._resumes - now, self._taken[lacking - 1] + self._budget.seconds - now if lacking > 0 else 0.0)


class Buckets:
    """The buckets of this process, each with the process's share."""

    def __init__(self) -> None:
        self._share = 1.0
        self._buckets: dict[str, Bucket] = {}

    def of(self, key: str, budget: Budget) -> Bucket:
        """The bucket of a provider's key; the first to ask says what its budget is."""
        if key not in self._buckets:
            self._buckets[key] = Bucket(budget, self._share)
        return self._buckets[key]

    def share(self, share: float) -> None:
        """The share of each budget that this process may use."""
        if share <= 0 or share == self._share:
            return
        self._share = share
        for bucket in self._buckets.values():
            bucket.share(share)


def _part(budget: Budget, share: float) -> int:
    """Whole requests, one at least."""
    return max(1, int(budget.requests * share + 1e-9))
