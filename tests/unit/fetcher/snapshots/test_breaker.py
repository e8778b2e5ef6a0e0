"""A breaker over any history of answers, failures and pauses.

closed --failures in a row--> open --until--> half_open --success--> closed
                               ^                  |
                               +----- failure ----+   twice as long
"""

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.snapshots.breaker import CLOSED, LONGEST, Breaker, Rules, admits, begun, failed, held, said, succeeded

RULES = Rules(failures=3, open_seconds=10, trial_seconds=60)
EVENTS = st.lists(st.tuples(st.sampled_from(["ok", "fault", "pause"]), st.floats(0, 50)), max_size=60)
JITTER = st.floats(0, 0.999)


def test_it_opens_after_failures_in_a_row_and_only_then() -> None:
    breaker = CLOSED
    for _ in range(2):
        breaker = failed(breaker, 0, RULES, 0)
    breaker = succeeded(breaker, 0)
    for _ in range(2):
        breaker = failed(breaker, 0, RULES, 0)
    assert admits(breaker, 0)
    breaker = failed(breaker, 0, RULES, 0)
    assert (breaker.state, admits(breaker, 9.9), admits(breaker, 10)) == ("open", False, True)


def test_one_trial_decides_and_a_failed_one_doubles_the_wait() -> None:
    breaker = open_at(0)
    trial = begun(breaker, 10, RULES)
    assert (said(trial, 10), admits(trial, 11)) == ("half_open", False)
    again = failed(trial, 11, RULES, 0)
    assert (again.state, again.until) == ("open", 31)
    assert succeeded(begun(again, 31, RULES), 31) == CLOSED


def test_a_trial_that_never_ends_makes_room_for_another() -> None:
    trial = begun(open_at(0), 10, RULES)
    assert admits(trial, 70)


def test_a_pause_that_the_venue_asks_for_is_no_failure() -> None:
    breaker = held(failed(CLOSED, 0, RULES, 0), 0, 7)
    assert (said(breaker, 1), breaker.failures, admits(breaker, 6.9), admits(breaker, 7)) == ("held", 1, False, True)
    assert not admits(succeeded(breaker, 1), 6.9)  # the answer to a request that was under way


def test_a_trial_that_is_asked_to_wait_is_made_later() -> None:
    breaker = held(begun(open_at(0), 10, RULES), 10, 5)
    assert (breaker.state, admits(breaker, 14.9), admits(breaker, 15)) == ("open", False, True)


@given(EVENTS, JITTER)
def test_nobody_is_admitted_before_the_time_told_and_somebody_always_after_it(events: list[tuple[str, float]], jitter: float) -> None:
    """Each event comes so many seconds after the one before; a breaker that admits is asked, one that does not is left alone."""
    breaker, now = CLOSED, 0.0
    for kind, seconds in events:
        now += seconds
        if not admits(breaker, now):
            assert now < breaker.until <= now + max(LONGEST, 50.0, RULES.trial_seconds)
            continue
        breaker = begun(breaker, now, RULES)
        assert breaker.state == "closed" or not admits(breaker, now)  # nobody besides the trial
        breaker = settled(breaker, kind, now, jitter)
        assert breaker.state != "half_open"
        assert (breaker.state == "open") == (breaker.opened > 0)
        if kind == "pause":
            assert not admits(breaker, now + 2.9)
    assert admits(breaker, breaker.until)


@given(st.lists(st.sampled_from(["ok", "fault"]), max_size=40), JITTER)
def test_it_is_open_iff_the_last_answers_were_failures_enough(kinds: list[str], jitter: float) -> None:
    """As the rule is said, another way: asked whenever it admits, it is open iff at least so many failures stand at the end."""
    breaker, now = CLOSED, 0.0
    for kind in kinds:
        now = max(now, breaker.until)
        breaker = settled(begun(breaker, now, RULES), kind, now, jitter)
    run = next((n for n, kind in enumerate(reversed(kinds)) if kind == "ok"), len(kinds))
    assert (breaker.state == "open") == (run >= RULES.failures)
    if breaker.state == "open":
        whole = min(LONGEST, RULES.open_seconds * 2 ** (run - RULES.failures))
        assert whole / 2 <= breaker.until - now <= whole


def open_at(now: float) -> Breaker:
    breaker = CLOSED
    for _ in range(RULES.failures):
        breaker = failed(breaker, now, RULES, 0)
    return breaker


def settled(breaker: Breaker, kind: str, now: float, jitter: float) -> Breaker:
    if kind == "ok":
        return succeeded(breaker, now)
    return failed(breaker, now, RULES, jitter) if kind == "fault" else held(breaker, now, 3.0)
