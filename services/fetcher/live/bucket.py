"""A token bucket: at most `requests` in any `seconds`, shared by all sources of one provider in this process."""

import asyncio
import time
from collections import deque

from shared.providers.venue import Budget


class Bucket:
    """Remembers when its last requests went out; `take` waits until one more fits."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._taken: deque[float] = deque()
        self._lock = asyncio.Lock()
        self._resumes = 0.0

    @property
    def left(self) -> int:
        """How many requests fit just now."""
        now = time.monotonic()
        return self._budget.requests - sum(now - at < self._budget.seconds for at in self._taken)

    def pause(self, seconds: float) -> None:
        """The venue asks for a pause: nobody takes before it is over."""
        self._resumes = max(self._resumes, time.monotonic() + seconds)

    async def take(self) -> None:
        """Waits for a place in the budget."""
        async with self._lock:
            while (wait := self._wait(time.monotonic())) > 0:  # noqa: ASYNC110 how long is known
                await asyncio.sleep(wait)
            self._taken.append(time.monotonic())

    def _wait(self, now: float) -> float:
        while self._taken and now - self._taken[0] >= self._budget.seconds:
            self._taken.popleft()
        full = len(self._taken) >= self._budget.requests
        return max(self._resumes - now, self._taken[0] + self._budget.seconds - now if full else 0.0)
