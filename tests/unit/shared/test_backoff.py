"""Delays grow, are capped, and are never zero."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.backoff import delay


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.001, 10), st.floats(0.001, 100))
def test_a_delay_lies_between_half_and_the_whole_of_its_bound(attempt: int, first: float, cap: float) -> None:
    whole = cap if attempt > 40 else min(cap, first * 2**attempt)
    assert whole / 2 <= delay(attempt, first=first, cap=cap) <= whole


def test_delays_are_spread() -> None:
    assert len({delay(20) for _ in range(20)}) > 10
