"""Symbols of a polled source: those that the venue refuses come to be alone, the others are asked all the same."""

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.live.asks import Asks, Group

NAMES = [f"S{n}-USDT" for n in range(60)]


def turn(asks: Asks, bad: set[str], now: float) -> list[Group]:
    """One round against a venue that refuses every request which names a bad symbol; what it answered."""
    answered, pending = [], asks.due(now)
    while pending:
        group = pending.pop(0)
        if bad & set(group):
            pending = asks.refused(group, f"Invalid symbol in {group}", now) + pending
            if asks.venue_refuses():
                break
        else:
            asks.answered(group)
            answered.append(group)
    return answered


@given(st.lists(st.sampled_from(NAMES), min_size=1, unique=True), st.sets(st.sampled_from(NAMES), max_size=3))
def test_every_good_symbol_is_answered_and_every_bad_one_named(symbols: list[str], bad: set[str]) -> None:
    asks = Asks(symbols, 10)
    answered = [symbol for group in turn(asks, bad, 0.0) for symbol in group]
    assert sorted(answered) == sorted(set(symbols) - bad)
    assert asks.problems.keys() == bad & set(symbols)
    assert sorted(symbol for group in asks.groups for symbol in group) == sorted(symbols)


def test_a_refused_symbol_waits_longer_each_time_and_is_asked_again() -> None:
    asks = Asks(["BTC-USDT", "ZZZ-USDT"], 10)
    turn(asks, {"ZZZ-USDT"}, 0.0)
    assert asks.due(1.0) == [("BTC-USDT",)]
    assert asks.due(11.0) == [("BTC-USDT",), ("ZZZ-USDT",)]
    turn(asks, {"ZZZ-USDT"}, 11.0)
    assert asks.due(20.9) == [("BTC-USDT",)]
    turn(asks, set(), 40.0)
    assert asks.problems == {}


def test_a_venue_that_refuses_everything_is_not_asked_for_each_symbol() -> None:
    asks, asked = Asks(NAMES, 10), 0
    pending = asks.due(0.0)
    while pending:
        asked += 1
        group = pending.pop(0)
        pending = asks.refused(group, "Not Found", 0.0) + pending
        if asks.venue_refuses():
            break
    assert asked < 20
    assert asks.groups == [tuple(NAMES)]
