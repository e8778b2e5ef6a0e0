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

    @property
    def left(self) -> int:
        """How many requests fit just now."""
        now = time.monotonic()
        return self._budget.requests - sum(now - at < self._budget.seconds for at in self._taken)

    async def take(self) -> None:
        """Waits for a place in the budget."""
        async with self._lock:
            now = time.monotonic()
            while self._taken and now - self._taken[0] >= self._budget.seconds:
                self._taken.popleft()
            if len(self._taken) >= self._budget.requests:
                await asyncio.sleep(self._taken.popleft() + self._budget.seconds - now)
            self._taken.append(time.monotonic())
