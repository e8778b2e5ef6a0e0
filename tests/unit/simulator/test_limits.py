"""Request budgets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.limits import MINUTE, SECOND, Budget, Limit, Verdict


def test_what_is_over_the_limit_waits_for_the_next_window() -> None:
    budget = Budget(Limit(10))
    assert budget.spend("a", 6, 30 * SECOND) == Verdict(6, 0)
    assert budget.spend("a", 5, 31 * SECOND) == Verdict(6, 29)
    assert budget.spend("a", 4, 32 * SECOND) == Verdict(10, 0)
    assert budget.spend("a", 1, 59 * SECOND + 999_999) == Verdict(10, 1)
    assert budget.spend("a", 1, MINUTE) == Verdict(1, 0)


def test_callers_have_budgets_of_their_own() -> None:
    budget = Budget(Limit(1))
    assert [budget.spend(caller, 1, 0).retry_after > 0 for caller in ("a", "b", "a")] == [False, False, True]


@given(st.lists(st.tuples(st.integers(0, 5 * MINUTE), st.integers(1, 5)), max_size=200))
def test_no_window_takes_more_than_its_limit_and_waiting_is_enough(requests: list[tuple[int, int]]) -> None:
    budget, taken = Budget(Limit(10)), dict.fromkeys(range(6), 0)
    for at, weight in sorted(requests):
        verdict = budget.spend("a", weight, at)
        if verdict.retry_after:
            assert (at + verdict.retry_after * SECOND) // MINUTE > at // MINUTE
        else:
            taken[at // MINUTE] += weight
            assert verdict.used == taken[at // MINUTE]
    assert max(taken.values()) <= 10
