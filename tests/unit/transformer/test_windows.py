"""Open windows: each distinct tick once, closed in order by the watermark, given up when they stay open too long. Seconds."""

from __future__ import annotations

from decimal import Decimal

from services.transformer.windows import Windows
from shared.aggregations.candles import key as window_key
from shared.events import Candle, GivenUp, Origin, Trade
from shared.time import MINUTE, SECOND

START = 1_610_064_000 * SECOND


def trade(number: int, second: float, offset: int, price: int = 100, source: str = "binance", symbol: str = "BTC-USDT") -> Trade:
    at = START + round(second * SECOND)
    return Trade(symbol, symbol, at, Decimal(price), Decimal(1), "buy", str(number), number, source, at, Origin(1, 0, offset))


def add(windows: Windows, *ticks: Trade, dirty: bool = True) -> None:
    for tick in ticks:
        windows.add(window_key(tick), tick, tick.event_time, dirty=dirty)


def due(windows: Windows, second: float, source: str = "binance") -> list[Candle]:
    return list(windows.due(source, START + round(second * SECOND)))


def test_a_window_closes_when_the_watermark_reaches_its_end_and_not_before() -> None:
    # ticks   1 · 2 ·              | 61
    # wm                59.999999 60
    windows = Windows(1, 0)
    add(windows, trade(1, 1, 10), trade(2, 2, 11, price=90), trade(3, 61, 12))
    assert due(windows, 59.999999) == []
    [candle] = due(windows, 60)
    assert (candle.is_closed, candle.start, candle.tick_count, candle.close, candle.last_origin) == (
        True,
        START,
        2,
        Decimal(90),
        Origin(1, 0, 11),
    )
    assert due(windows, 60) == []
    assert len(windows) == 1


def test_windows_of_several_symbols_close_in_key_order() -> None:
    windows = Windows(1, 0)
    add(windows, trade(1, 61, 1, symbol="B"), trade(2, 1, 2, symbol="B"), trade(3, 1, 3, symbol="A"))
    assert [(candle.symbol, candle.start - START) for candle in due(windows, 120)] == [("A", 0), ("B", 0), ("B", MINUTE)]


def test_a_watermark_closes_its_own_sources_windows_only() -> None:
    windows = Windows(1, 0)
    add(windows, trade(1, 1, 1), trade(1, 1, 2, source="coinbase"))
    assert [candle.source for candle in due(windows, 60)] == ["binance"]
    assert len(windows) == 1


def test_an_id_counts_once_in_a_window_and_the_first_copy_holds() -> None:
    # ticks   #1 at 1 (100) · #1 at 1 (999)
    windows = Windows(1, 0)
    add(windows, trade(1, 1, 10, price=100), trade(1, 1, 11, price=999))
    [candle] = due(windows, 60)
    assert (candle.tick_count, candle.high, candle.last_origin.offset) == (1, Decimal(100), 10)


def test_only_windows_that_grew_are_published_again() -> None:
    windows = Windows(1, 0)
    add(windows, trade(1, 1, 10), trade(2, 61, 11))
    assert [candle.tick_count for candle in windows.changed("binance")] == [1, 1]
    assert list(windows.changed("binance")) == []
    add(windows, trade(3, 2, 12), trade(2, 61, 13))
    assert [(candle.start, candle.tick_count, candle.is_closed) for candle in windows.changed("binance")] == [(START, 2, False)]


def test_what_was_published_before_a_restart_is_not_published_again() -> None:
    windows = Windows(1, 0)
    add(windows, trade(1, 1, 10), dirty=False)
    assert list(windows.changed("binance")) == []
    add(windows, trade(2, 2, 11))
    assert [candle.tick_count for candle in windows.changed("binance")] == [2]


def test_sources_with_open_windows_come_in_the_same_order_after_a_restart() -> None:
    """After a restart the sources come in another order; the outputs must not."""
    one, other = Windows(1, 0), Windows(1, 0)
    add(one, trade(1, 1, 1, source="b"), trade(1, 1, 2, source="a"))
    add(other, trade(1, 1, 2, source="a"), trade(1, 1, 1, source="b"))
    assert one.sources() == other.sources() == ["a", "b"]
    assert [candle.source for candle in one.changed("a")] == ["a"]
    list(one.give_up("a", 99, START + MINUTE, age=0, records=0))
    assert one.sources() == ["b"]


def test_a_window_that_stays_open_too_long_is_given_up_and_does_not_open_again() -> None:
    # log     1           3601.000001
    # tick    #1          → given up · #2 (not taken)
    windows = Windows(1, 0)
    add(windows, trade(1, 1, 10))
    opened = START + SECOND
    assert list(windows.give_up("binance", 20, opened + 3600 * SECOND, age=3600 * SECOND, records=100)) == []
    [event] = windows.give_up("binance", 20, opened + 3600 * SECOND + 1, age=3600 * SECOND, records=100)
    assert event == GivenUp("binance", "BTC-USDT", "trade", MINUTE, START, Origin(1, 0, 10))
    add(windows, trade(2, 2, 21))
    assert (len(windows), windows.given_up) == (0, {("binance", "BTC-USDT", "trade", START)})
    assert due(windows, 60) == []


def test_a_window_that_spans_too_many_records_is_given_up() -> None:
    windows = Windows(1, 0)
    add(windows, trade(1, 1, 10), trade(2, 61, 50))
    assert list(windows.give_up("binance", 110, START, age=MINUTE, records=100)) == []
    assert [event.start for event in windows.give_up("binance", 111, START, age=MINUTE, records=100)] == [START]


def test_a_window_given_up_is_forgotten_once_the_watermark_has_passed_it() -> None:
    windows = Windows(1, 0, {("binance", "BTC-USDT", "trade", START)})
    add(windows, trade(1, 1, 10), trade(2, 61, 11), trade(3, 121, 12))
    assert [candle.start - START for candle in due(windows, 120)] == [MINUTE]
    assert windows.given_up == set()


def test_a_rebuild_begins_at_the_first_offset_that_an_open_window_needs() -> None:
    windows = Windows(1, 0)
    assert windows.replay_from(77) == 77
    add(windows, trade(1, 61, 10), trade(2, 1, 12), trade(3, 2, 14))
    assert windows.replay_from(77) == 10
    due(windows, 60)
    assert windows.replay_from(77) == 10
    due(windows, 120)
    assert windows.replay_from(77) == 77


def test_the_end_of_a_source_is_that_of_its_last_open_window() -> None:
    windows = Windows(1, 0)
    assert windows.end("binance") == 0
    add(windows, trade(1, 61, 10), trade(2, 1, 11), trade(3, 300, 12, source="coinbase"))
    assert windows.end("binance") == START + 2 * MINUTE
