"""A script at work: which trades, requests and connections it hits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.faults import Rule, Script
from deploy.simulator.injector import SECOND, Injector
from deploy.simulator.market import Market, listing


def market(venue: str = "binance", symbol: str = "BTC-USD", native: str = "BTCUSDT") -> Market:
    return Market(1, venue, listing(symbol), native)


def hits(injector: Injector, of: Market, times: list[float]) -> list[int]:
    """The numbers of the market's next trades that are hit, issued at these seconds."""
    found = []
    for at in times:
        of.issue(0)
        if injector.frame(of, int(at * SECOND)) is not None:
            found.append(of.count)
    return found


def test_a_gap_takes_the_next_trades_of_each_symbol() -> None:
    injector = Injector(Script((Rule("gap", after=5, count=3),)), 0)
    bitcoin, ether = market(), market(symbol="ETH-USD", native="ETHUSDT")
    assert hits(injector, bitcoin, [1, 4.9, 5, 6, 7, 8, 9]) == [3, 4, 5]
    assert hits(injector, ether, [8, 9, 10, 11]) == [1, 2, 3]


def test_a_gap_comes_again_every_so_often() -> None:
    injector = Injector(Script((Rule("gap", after=0, every=10, count=1),)), 0)
    assert hits(injector, market(), [0, 1, 2, 10, 11, 25, 26]) == [1, 4, 6]


def test_a_fault_lasts_its_seconds() -> None:
    injector = Injector(Script((Rule("silence", after=10, seconds=5),)), 0)
    assert hits(injector, market(), [9, 10, 12, 14.9, 15, 16]) == [2, 3, 4]


def test_a_fault_counted_in_trades_needs_no_clock() -> None:
    injector = Injector(Script((Rule("gap", by="trades", after=2, every=5, count=2),)), 0)
    assert hits(injector, market(), [0] * 14) == [3, 4, 8, 9, 13, 14]


def test_scopes_are_venues_and_either_name_of_a_symbol() -> None:
    for name in ("BTCUSDT", "BTC-USD"):
        injector = Injector(Script((Rule("gap", venue="binance", symbol=name),)), 0)
        assert hits(injector, market(), [0]) == [1]
        assert hits(injector, market("kraken"), [0]) == []
        assert hits(injector, market(symbol="ETH-USD", native="ETHUSDT"), [0]) == []


@given(st.integers(0, 1000), st.lists(st.floats(0, 1000), min_size=50, max_size=50))
def test_chances_follow_the_trades_and_not_the_clock(seed: int, times: list[float]) -> None:
    script = Script((Rule("duplicate", probability=0.3),), seed)
    assert hits(Injector(script, 0), market(), times) == hits(Injector(script, 0), market(), [0] * 50)


def test_another_seed_hits_others_about_as_often() -> None:
    found = [hits(Injector(Script((Rule("duplicate", probability=0.1),), seed), 0), market(), [0] * 2000) for seed in (1, 2)]
    assert found[0] != found[1]
    assert all(150 < len(numbers) < 250 for numbers in found)


def test_the_first_rule_that_applies_wins_and_the_others_still_count() -> None:
    rules = (Rule("duplicate", by="trades", after=1, count=1), Rule("gap", by="trades", after=1, count=2))
    injector, of, kinds = Injector(Script(rules), 0), market(), []
    for _ in range(4):
        of.issue(0)
        hit = injector.frame(of, 0)
        kinds.append(hit.rule.kind if hit else "")
    assert kinds == ["", "duplicate", "gap", ""]


def test_disconnects_fall_due_once_each() -> None:
    injector = Injector(Script((Rule("disconnect", after=10, every=60, times=2),)), 5 * SECOND)
    due = [len(injector.cuts(at * SECOND)) for at in (5, 14, 15, 16, 74, 75, 200, 1000)]
    assert due == [0, 0, 1, 0, 0, 1, 0, 0]


def test_disconnects_can_be_counted_in_trades() -> None:
    injector, of = Injector(Script((Rule("disconnect", by="trades", after=3, every=4, venue="binance"),)), 0), market()
    assert injector.touches_frames
    found = []
    for _ in range(12):
        of.issue(0)
        if injector.cuts_after(of):
            found.append(of.count)
    assert found == [3, 7, 11]
    assert injector.cuts(10**12) == []


def test_requests_are_hit_by_count_and_path() -> None:
    injector = Injector(Script((Rule("status", venue="coingecko", path="/api", by="requests", after=2, count=2, status=429),)), 0)
    paths = ["/api/a", "/other", "/api/b", "/api/c", "/api/d", "/api/e"]
    found = [injector.request("coingecko", path, 0) for path in paths]
    assert [hit.rule.status if hit else None for hit in found] == [None, None, None, 429, 429, None]
    assert injector.request("binance", "/api/a", 0) is None


def test_connections_are_refused_while_the_rule_lasts() -> None:
    injector = Injector(Script((Rule("refuse", venue="kraken", after=10, seconds=3),)), 0)
    assert [injector.refuses("kraken", at * SECOND) for at in (9, 10, 12, 13)] == [False, True, True, False]
    assert not injector.refuses("binance", 11 * SECOND)


def test_only_a_whole_silence_takes_the_heartbeats() -> None:
    for how, mute in (("", False), ("all", True)):
        injector = Injector(Script((Rule("silence", how=how, seconds=5),)), 0)
        assert injector.mutes("binance", SECOND) is mute


def test_an_empty_script_touches_nothing() -> None:
    assert not Injector(Script(), 0).touches_frames
