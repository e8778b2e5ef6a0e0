"""Capped exponential backoff with full jitter; pure apart from the random draw, and bounded at every attempt."""

import random


def delay(attempt: int, *, first: float = 0.1, cap: float = 5.0) -> float:
    """Seconds to wait before attempt `attempt` (0 is the first retry): uniform in [half, whole] of min(cap, first * 2**attempt)."""
    whole = min(cap, first * 2.0 ** min(attempt, 30))
    return whole * (0.5 + random.random() / 2)


def jitter() -> float:
    """A number in [0, 1) that differs from process to process."""
    return random.random()
