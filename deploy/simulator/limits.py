"""Request budgets as venues count them: so much weight in each fixed window of the clock.

Invariant: pure; within one window of one caller the weights accepted never exceed the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class Limit:
    """`weight` per window of `window` us."""

    weight: int
    window: int = MINUTE


class Verdict(NamedTuple):
    """The weight used in this window, and the seconds to wait where the request was over it (0: accepted)."""

    used: int
    retry_after: int


class Budget:
    """What each caller has used in its newest window."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._used: dict[str, tuple[int, int]] = {}

    def spend(self, caller: str, weight: int, now: int) -> Verdict:
        """Takes `weight` from the caller's window at `now`, or says how long to wait. What is refused is not counted."""
        window = now // self.limit.window
        start, used = self._used.get(caller, (window, 0))
        if start != window:
            used = 0
        if used + weight > self.limit.weight:
            return Verdict(used, max(1, -(-((window + 1) * self.limit.window - now) // SECOND)))
        if len(self._used) >= CALLERS and caller not in self._used:
            self._used = {name: entry for name, entry in self._used.items() if entry[0] == window}
        self._used[caller] = (window, used + weight)
        return Verdict(used + weight, 0)
