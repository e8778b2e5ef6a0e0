"""When the next trade of each market is due: Poisson arrivals, each market's own.

Invariant: pure; time is passed in (us). The gaps between a market's arrivals depend on (seed, key, rates set) alone.
"""

from __future__ import annotations

import heapq
import random

SECOND = 1_000_000
# Behind by more than this (the machine slept), arrivals start anew instead of coming all at once.
FORGIVEN = 2 * SECOND


class Schedule:
    """Due times of many keys; a key's rate is in arrivals a second, 0 for none."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rates: dict[str, float] = {}
        self._rngs: dict[str, random.Random] = {}
        self._versions: dict[str, int] = {}
        self._heap: list[tuple[int, str, int]] = []

    def set_rate(self, key: str, rate: float, now: int) -> None:
        """From `now` on the key's arrivals come at `rate` a second."""
        if key not in self._rngs:
            self._rngs[key] = random.Random(f"{self._seed}/arrivals/{key}")  # noqa: S311 a market, not a secret
        self._rates[key] = rate
        self._versions[key] = self._versions.get(key, 0) + 1
        self._push(key, now)

    def rate(self, key: str) -> float:
        return self._rates.get(key, 0.0)

    def due(self, now: int, limit: int = 10_000) -> list[str]:
        """The keys with arrivals up to `now`, in order of time, one mention each arrival, at most `limit`."""
        found: list[str] = []
        heap = self._heap
        while heap and heap[0][0] <= now and len(found) < limit:
            at, key, version = heapq.heappop(heap)
            if version != self._versions[key]:
                continue
            found.append(key)
            self._push(key, at if now - at < FORGIVEN else now)
        return found

    def next(self) -> int | None:
        """When the next arrival is due, or None. It may name one that a change of rate has made void."""
        return self._heap[0][0] if self._heap else None

    def _push(self, key: str, after: int) -> None:
        rate = self._rates[key]
        if rate > 0:
            at = after + int(self._rngs[key].expovariate(rate) * SECOND)
            heapq.heappush(self._heap, (at, key, self._versions[key]))
