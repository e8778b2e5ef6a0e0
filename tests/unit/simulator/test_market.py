"""The market model: seeds decide the trades, the clock only stamps them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.market import Listing, Market, Trade, listing

FIRST_OF_SEED_ONE = [(771770090, 6718364, 2147477, True), (771770091, 6719040, 770814, True), (771770092, 6719296, 1366700, True)]
TIMES = st.lists(st.integers(0, 10**15), min_size=1, max_size=60)


def market(seed: int = 1, venue: str = "binance", symbol: str = "BTC-USD", **options: int) -> Market:
    return Market(seed, venue, listing(symbol), symbol, **options)


def run(of: Market, count: int) -> list[tuple[int, int, int, bool]]:
    """(id, price, size, side) of the next trades."""
    return [(trade.id, trade.price, trade.size, trade.is_buy) for trade in (of.issue(0) for _ in range(count))]


def test_the_first_trades_of_seed_one_stay_what_they_are() -> None:
    """Recorded: a change here changes every recorded expectation that builds on a seed."""
    assert run(market(), 3) == FIRST_OF_SEED_ONE


@given(st.integers(0, 2**63), TIMES)
def test_the_same_seed_gives_the_same_trades_whatever_the_clock(seed: int, times: list[int]) -> None:
    one, other = market(seed), market(seed)
    stamped = [(trade.id, trade.price, trade.size, trade.is_buy) for trade in map(one.issue, times)]
    assert stamped == run(other, len(times))


def test_venues_agree_on_the_level_however_often_they_tell_of_it() -> None:
    one, other, seldom = market(), market(venue="kraken"), market(venue="coingecko", steps=15)
    for of, count in ((one, 3000), (other, 3000), (seldom, 200)):
        run(of, count)
    prices = [of.last.price for of in (one, other, seldom)]
    assert max(prices) - min(prices) < one.listing.start // 10_000


def test_another_seed_venue_or_symbol_gives_other_trades() -> None:
    sequences = [run(m, 20) for m in (market(), market(2), market(venue="kraken"), market(symbol="ETH-USD"))]
    assert len({tuple(sequence) for sequence in sequences}) == 4


@given(st.integers(0, 1000), st.sampled_from(["BTC-USD", "SOL-USD", "PEPE-EUR"]), st.integers(2, 200))
def test_ids_have_no_holes_and_every_value_is_sound(seed: int, symbol: str, count: int) -> None:
    of = market(seed, symbol=symbol)
    trades = [of.issue(number) for number in range(count)]
    assert [trade.id for trade in trades] == list(range(of.first_id, of.first_id + count))
    assert all(0 < trade.bid < trade.ask and trade.price == (trade.ask if trade.is_buy else trade.bid) for trade in trades)
    assert all(min(trade.size, trade.bid_size, trade.ask_size) > 0 for trade in trades)
    assert (of.low, of.high) == (
        min(of.listing.start, *(trade.price for trade in trades)),
        max(trade.price for trade in trades),
    )
    assert of.volume == sum(trade.size for trade in trades)


@given(TIMES, st.sampled_from([1, 1000, 1_000_000]))
def test_event_times_are_the_venues_resolution_and_never_go_back(times: list[int], precision: int) -> None:
    of = market(precision=precision)
    stamps = [of.issue(now).at for now in times]
    assert stamps == sorted(stamps)
    assert all(at % precision == 0 for at in stamps)
    assert stamps[0] == times[0] - times[0] % precision


def test_prices_wander_but_stay_within_reach_of_the_first() -> None:
    of = market()
    prices = [of.issue(0).price for _ in range(50_000)]
    assert len(set(prices)) > 1000
    assert all(of.listing.start * 0.8 < price < of.listing.start * 1.25 for price in prices)


def test_a_market_can_begin_at_another_id() -> None:
    assert [row[1:] for row in run(market(first_id=7), 5)] == [row[1:] for row in run(market(), 5)]
    assert market(first_id=7).issue(0).id == 7


@given(st.integers(-5, 40), st.integers(1, 30))
def test_the_history_is_read_from_an_id_on(offset: int, limit: int) -> None:
    of = market(history=20)
    trades = [of.issue(0) for _ in range(30)]
    start = of.first_id + offset
    assert of.since(start, limit) == [trade for trade in trades[10:] if trade.id >= start][:limit]


def test_a_market_without_trades_has_no_history() -> None:
    assert market().since(0, 10) == []


@given(st.integers(0, 10**15), st.integers(1, 9), st.integers(1, 9))
def test_amounts_are_spelled_exactly(number: int, price_digits: int, size_digits: int) -> None:
    of = Market(1, "binance", Listing("X-USD", 1000, price_digits, size_digits), "XUSDT")
    assert Decimal(of.price(number).decode()) == Decimal(number).scaleb(-price_digits)
    assert Decimal(of.size(number).decode()) == Decimal(number).scaleb(-size_digits)


def test_an_unknown_symbol_has_a_price_of_its_own() -> None:
    assert listing("AAA-USD") == listing("AAA-USD") != listing("BBB-USD")
    assert listing("AAA-USD").start > 0


def test_a_trade_is_a_value() -> None:
    assert market().issue(5) == market().issue(5)
    assert isinstance(market().issue(5), Trade)
