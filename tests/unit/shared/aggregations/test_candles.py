"""Candles by example: what each field is made of, and what a kind does not have."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from shared.aggregations.candles import COMPARED, coarsen, fold, merge, same, vwap
from shared.events import NOWHERE, Bar, Candle, IndexPrice, Kind, Origin, Quote, Side, Tick, Trade
from shared.time import MINUTE, SECOND

START = 1_610_064_000 * SECOND


def trade(second: float, price: str, size: str, side: Side | None = None, number: int = 0, *, late: bool = False) -> Trade:
    at = START + round(second * SECOND)
    return Trade("BTC-USDT", "BTCUSDT", at, Decimal(price), Decimal(size), side, str(number), number, "binance", at, late=late)


def numbers(*values: Decimal | None) -> list[int]:
    """Whole amounts, to be compared with plain numbers."""
    assert all(value is not None and value == int(value) for value in values)
    return [int(value) for value in values if value is not None]


def only(ticks: list[Trade] | list[Quote] | list[IndexPrice]) -> Candle:
    [candle] = fold(ticks).values()
    return candle


def test_a_candle_of_trades_has_prices_volumes_and_counts() -> None:
    #   0s        10s       20s       59.999999s
    #   100 buy   90 sell   120 none     110 buy
    ticks = [
        trade(0, "100", "1", "buy", 1),
        trade(10, "90", "2", "sell", 2),
        trade(20, "120", "0.5", None, 3),
        trade(59.999999, "110", "3", "buy", 4),
    ]
    assert only(ticks) == Candle(
        "binance",
        "BTC-USDT",
        "trade",
        MINUTE,
        START,
        open=Decimal(100),
        high=Decimal(120),
        low=Decimal(90),
        close=Decimal(110),
        volume=Decimal("6.5"),
        quote_volume=Decimal(670),
        buy_volume=Decimal(4),
        sell_volume=Decimal(2),
        trade_count=4,
        tick_count=4,
        late_count=0,
        first=(START, 1, "1"),
        last=(START + 59_999_999, 4, "4"),
    )


def test_open_and_close_are_the_extremes_of_time_then_sequence_then_id_never_of_arrival() -> None:
    candle = only([trade(5, "3", "1", number=30), trade(5, "1", "1", number=10), trade(5, "2", "1", number=20)])
    assert numbers(candle.open, candle.close) == [1, 3]
    same_place = [msgspec.structs.replace(trade(5, price, "1"), trade_id=name) for price, name in (("7", "b"), ("6", "a"), ("8", "c"))]
    assert numbers(only(same_place).open, only(same_place).close) == [6, 8]


def test_windows_are_half_open_and_aligned_to_utc() -> None:
    starts = {key[3] for key in fold([trade(-0.000001, "1", "1"), trade(0, "1", "1"), trade(59.999999, "1", "1"), trade(60, "1", "1")])}
    assert starts == {START - MINUTE, START, START + MINUTE}


def test_kinds_sources_and_symbols_are_never_mixed() -> None:
    ticks: list[Tick] = [
        trade(1, "1", "1"),
        msgspec.structs.replace(trade(1, "1", "1"), source="coinbase"),
        msgspec.structs.replace(trade(1, "1", "1"), symbol="BTC-USD"),
        Quote("BTC-USDT", "BTCUSDT", START, Decimal(1), Decimal(2), source="binance"),
        IndexPrice("BTC-USDT", "BTCUSDT", START, Decimal(1), source="binance"),
    ]
    assert len(fold(ticks)) == 5


@pytest.mark.parametrize(
    ("ticks", "kind", "price"),
    [
        ([Quote("X", "X", START, Decimal("86.655"), Decimal("86.728"), source="s")], "quote", Decimal("86.6915")),
        ([IndexPrice("X", "X", START, Decimal("86.655"), source="s")], "index", Decimal("86.655")),
    ],
)
def test_kinds_without_executions_have_no_volume_and_no_trades(ticks: list[Quote] | list[IndexPrice], kind: Kind, price: Decimal) -> None:
    candle = only(ticks)
    assert (candle.kind, candle.open, candle.close, candle.tick_count, candle.trade_count) == (kind, price, price, 1, 0)
    assert (candle.volume, candle.quote_volume, candle.buy_volume, candle.sell_volume, vwap(candle)) == (None,) * 5


def test_the_average_price_is_made_at_read_with_12_places() -> None:
    assert vwap(only([trade(0, "1", "1"), trade(1, "2", "2")])) == Decimal("1.666666666667")


def test_a_merge_joins_what_was_folded_apart() -> None:
    early, late = (
        [trade(1, "5", "1", "buy", 1), trade(9, "9", "1", "sell", 2)],
        [trade(3, "1", "2", "buy", 3, late=True), trade(30, "4", "1", None, 4)],
    )
    whole = merge(only(early), only(late))
    assert whole == only(early + late)
    assert numbers(whole.open, whole.high, whole.low, whole.close) == [5, 9, 1, 4]
    assert (whole.late_count, whole.revision) == (1, 4)


def test_a_merge_is_closed_or_from_the_store_if_either_is_and_keeps_the_greatest_origin() -> None:
    a = msgspec.structs.replace(only([trade(1, "5", "1", number=1)]), is_closed=True, last_origin=Origin(1, 0, 9))
    b = msgspec.structs.replace(only([trade(2, "5", "1", number=2)]), from_store=True, last_origin=NOWHERE)
    whole = merge(a, b)
    assert (whole.is_closed, whole.from_store, whole.last_origin) == (True, True, Origin(1, 0, 9))


def test_a_coarser_candle_is_closed_only_if_every_part_is() -> None:
    minutes = list(fold([trade(60 * n, str(n + 1), "1", number=n) for n in range(10)]).values())
    closed = [msgspec.structs.replace(minute, is_closed=True) for minute in minutes]
    assert [candle.is_closed for candle in coarsen([*closed[:9], minutes[9]], 5 * MINUTE)] == [True, False]
    assert [candle.is_closed for candle in coarsen([minutes[0], *closed[1:5]], 5 * MINUTE)] == [False]
    first, second = coarsen(closed, 5 * MINUTE)
    assert (first.start, first.end, first.interval) == (START, START + 5 * MINUTE, 5 * MINUTE)
    assert numbers(first.open, first.close) == [1, 5]
    assert (second.start, second.trade_count) == (START + 5 * MINUTE, 5)
    assert numbers(second.high, second.volume) == [10, 5]


@pytest.mark.parametrize("name", COMPARED)
def test_two_candles_differ_by_any_of_their_values(name: str) -> None:
    candle = only([trade(1, "5", "1", "buy", 1)])
    other = {"first": (0, 0, ""), "last": (0, 0, "")}.get(name, 77)
    assert not same(candle, msgspec.structs.replace(candle, **{name: other}))


def test_closing_lateness_and_origin_are_no_difference_of_values() -> None:
    candle = only([trade(1, "5", "1", "buy", 1)])
    assert same(candle, msgspec.structs.replace(candle, is_closed=True, from_store=True, late_count=1, last_origin=Origin(1, 2, 3)))


def bar(minute: int, open_: str, high: str, low: str, close: str, volume: str, vwap: str | None, trades: int) -> Bar:
    prices = Decimal(open_), Decimal(high), Decimal(low), Decimal(close), Decimal(volume)
    mean = None if vwap is None else Decimal(vwap)
    return Bar("AAPL", "AAPL", START + minute, MINUTE, *prices, mean, trades, bar_id=str(minute), source="polygon")


def test_a_candle_of_a_bar_is_the_bar() -> None:
    [candle] = fold([bar(0, "10", "12", "9", "11", "100", "10.5", 7)]).values()
    assert (candle.kind, candle.open, candle.high, candle.low, candle.close) == ("bar", Decimal(10), Decimal(12), Decimal(9), Decimal(11))
    assert (candle.volume, candle.quote_volume, candle.buy_volume, candle.sell_volume) == (Decimal(100), Decimal(1050), None, None)
    assert (candle.trade_count, candle.tick_count) == (7, 1)


def test_bars_merge_to_a_coarser_one_by_their_own_highs_lows_and_volumes() -> None:
    bars = [bar(0, "10", "12", "9", "11", "100", "10.5", 7), bar(MINUTE, "11", "20", "8", "9", "50", "12", 3)]
    [candle] = coarsen(fold(bars).values(), 5 * MINUTE)
    assert (candle.open, candle.high, candle.low, candle.close) == (Decimal(10), Decimal(20), Decimal(8), Decimal(9))
    assert (candle.volume, candle.quote_volume, candle.trade_count) == (Decimal(150), Decimal(1650), 10)
    assert vwap(candle) == Decimal(11)


def test_one_bar_without_a_mean_price_leaves_the_candle_without_one() -> None:
    bars = [bar(0, "10", "12", "9", "11", "100", None, 7), bar(MINUTE, "11", "20", "8", "9", "50", "12", 3)]
    [candle] = coarsen(fold(bars).values(), 5 * MINUTE)
    assert (candle.volume, candle.quote_volume, vwap(candle)) == (Decimal(150), None, None)
