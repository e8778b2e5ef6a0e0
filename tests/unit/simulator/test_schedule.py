"""When markets trade: Poisson arrivals, by seed and by the times passed in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.schedule import FORGIVEN, SECOND, Schedule


def arrivals(schedule: Schedule, until: int) -> list[tuple[int, str]]:
    """Each arrival up to `until`, with its time, asked for one by one."""
    found = []
    while (at := schedule.next()) is not None and at <= until:
        found += [(at, key) for key in schedule.due(at, limit=1)]
    return found


def test_a_rate_of_three_gives_three_a_second() -> None:
    schedule = Schedule(1)
    schedule.set_rate("a", 3, 0)
    found = arrivals(schedule, 2000 * SECOND)
    assert 5800 < len(found) < 6200
    gaps = [after - before for (before, _), (after, _) in pairwise(found)]
    # The gaps of a Poisson process are memoryless: as many above the mean as e says.
    assert 0.34 < sum(gap > SECOND / 3 for gap in gaps) / len(gaps) < 0.40


@given(st.integers(0, 2**32), st.lists(st.integers(1, 3 * SECOND // 2), min_size=1, max_size=50))
def test_how_often_it_is_asked_changes_nothing(seed: int, steps: list[int]) -> None:
    one, other = Schedule(seed), Schedule(seed)
    for schedule in (one, other):
        schedule.set_rate("a", 5, 0)
        schedule.set_rate("b", 2, 0)
    now, asked = 0, []
    for step in steps:
        now += step
        asked += one.due(now)
    assert asked == [key for _, key in arrivals(other, now)]


def test_seeds_and_keys_differ() -> None:
    times = set()
    for seed, key in ((1, "a"), (2, "a"), (1, "b")):
        schedule = Schedule(seed)
        schedule.set_rate(key, 1, 0)
        times.add(schedule.next())
    assert len(times) == 3


def test_a_stopped_key_is_never_due_and_goes_on_later() -> None:
    schedule = Schedule(1)
    schedule.set_rate("a", 1000, 0)
    assert schedule.due(SECOND)
    schedule.set_rate("a", 0, SECOND)
    assert schedule.due(10 * SECOND) == []
    schedule.set_rate("a", 1000, 10 * SECOND)
    assert 900 < len(schedule.due(11 * SECOND)) < 1100
    assert schedule.rate("a") == 1000


def test_a_new_rate_replaces_the_old_one() -> None:
    schedule = Schedule(1)
    schedule.set_rate("a", 1000, 0)
    schedule.set_rate("a", 10, 0)
    assert len(schedule.due(SECOND * 3 // 2)) < 40


def test_after_a_long_sleep_arrivals_start_anew() -> None:
    schedule = Schedule(1)
    schedule.set_rate("a", 10, 0)
    assert len(schedule.due(FORGIVEN + 3600 * SECOND)) < 10


def test_no_more_than_the_limit_at_once() -> None:
    schedule = Schedule(1)
    schedule.set_rate("a", 100_000, 0)
    assert len(schedule.due(SECOND, limit=50)) == 50


def test_nothing_is_due_where_nothing_trades() -> None:
    assert Schedule(1).next() is None
    assert Schedule(1).due(10**18) == []
