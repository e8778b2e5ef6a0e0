"""The reference candles, and what the comparisons find wrong."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bench import reference
from bench.market import MINUTE_MS, Market, Trade
from bench.peers.job import Bar, bar, candle, grow
from bench.reference import Candle, Window, candles, closed_inside, compare, compare_peer

START = 1_790_000_040_000


def trade(number: int, at: int, cents: int, lots: int = 10_000, *, symbol: str = "S000USDT", maker: bool = False) -> Trade:
    return Trade(number, symbol, START + at, START + at, cents, lots, maker)


def as_peer(trades: list[Trade]) -> list[dict[str, Any]]:
    """The candles as a peer folds them."""
    windows: dict[Window, Bar] = {}
    for t in trades:
        window, values = (t.symbol, t.at - t.at % MINUTE_MS), (t.cents / 100, t.lots / 10_000, t.at)
        windows[window] = grow(windows[window], *values) if window in windows else bar(*values)
    return [candle(symbol, start, bars) for (symbol, start), bars in windows.items()]


def test_a_candle_is_ordered_by_time_and_number_not_by_arrival() -> None:
    """
    number   |.3.....1..2.......|      3 and 1 happened at the same time, 2 later; they arrive as 2, 3, 1
    """
    trades = [trade(2, 500, 102, maker=True), trade(3, 100, 99), trade(1, 100, 101, lots=5_000)]
    ((window, found),) = candles(trades).items()
    assert window == ("S000USDT", START)
    prices = tuple(map(Decimal, ("1.01", "1.02", "0.99", "1.02")))
    assert found.values() == (*prices, Decimal("2.5"), Decimal("2.515"), Decimal("1.5"), Decimal(1), 3)
    assert (found.opens, found.closes) == ({99, 101}, {102})


def test_trades_of_the_next_minute_are_another_window() -> None:
    assert list(candles([trade(1, 59_999, 100), trade(2, 60_000, 100)])) == [("S000USDT", START), ("S000USDT", START + MINUTE_MS)]


def test_only_windows_whose_grace_has_passed_within_their_symbol_are_expected_of_a_peer() -> None:
    quiet = trade(3, 0, 100, symbol="S001USDT")
    assert closed_inside(candles([trade(1, 0, 100), trade(2, 64_999, 100), quiet])) == {}
    found = closed_inside(candles([trade(1, 0, 100), trade(2, 65_000, 100), quiet]))
    assert list(found) == [("S000USDT", START)]


EXPECTED = candles(Market(3_000, START).trades())
EXACT = [(window, found.values()) for window, found in EXPECTED.items()]


def test_exact_candles_are_right_in_any_order_and_repeated() -> None:
    assert compare(EXPECTED, [*reversed(EXACT), *EXACT]) is None


@pytest.mark.parametrize("place", range(9))
def test_any_changed_value_of_an_exact_candle_is_found(place: int) -> None:
    window, values = EXACT[5]
    wrong = (*values[:place], values[place] + 1, *values[place + 1 :])
    assert "candle of" in (compare(EXPECTED, [*EXACT, (window, wrong)]) or "")


def test_missing_and_unknown_exact_candles_are_found() -> None:
    assert compare(EXPECTED, EXACT[1:]) == f"{len(EXACT) - 1} of {len(EXACT)} windows came"
    assert "no trades" in (compare(EXPECTED, [(("S000USDT", 0), EXACT[0][1])]) or "")


def test_a_peers_candles_are_right_in_floats_and_with_windows_still_open() -> None:
    inside = closed_inside(EXPECTED)
    assert 0 < len(inside) < len(EXPECTED)
    assert compare_peer(inside, as_peer(list(Market(3_000, START).trades()))) is None


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume", "vwap", "count"])
def test_any_changed_value_of_a_peers_candle_is_found(name: str) -> None:
    found = as_peer(list(Market(3_000, START).trades()))
    found[0][name] += 11
    assert "candle of" in (compare_peer(EXPECTED, found) or "")


def test_a_window_that_a_peer_lost_is_found() -> None:
    found = as_peer(list(Market(3_000, START).trades()))[1:]
    assert compare_peer(EXPECTED, found) == f"{len(EXPECTED) - 1} of {len(EXPECTED)} windows came"


def test_a_peer_may_open_with_any_price_of_the_first_millisecond_only() -> None:
    first = replace(candles([trade(1, 0, 100), trade(2, 0, 103), trade(3, 9, 101)])["S000USDT", START])
    assert first.opens == {100, 103}
    peer = as_peer([trade(1, 0, 100), trade(2, 0, 103), trade(3, 9, 101)])[0]
    expected: dict[Window, Candle] = {("S000USDT", START): first}
    assert compare_peer(expected, [{**peer, "open": 1.03}]) is None
    assert compare_peer(expected, [{**peer, "open": 1.01}]) is not None


def test_the_grace_is_the_one_the_peers_are_given() -> None:
    from bench.peers import job

    assert (reference.GRACE_MS, MINUTE_MS) == (job.GRACE_MS, job.WINDOW_MS)
