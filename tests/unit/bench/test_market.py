"""The seeded market, and the records made of it."""

import itertools
import json
from collections import Counter

from bench.feed import LAST_HEARTBEATS, live, place
from bench.market import DISORDER_MS, SPAN_MS, SYMBOLS, Market, Trade, canonical, frame, plain, price, size
from shared import events
from shared.providers import binance

START = 1_790_000_040_000
TRADE = Trade(7, "S001USDT", START + 5, START + 9, 10_005, 12, maker=True)


def test_the_same_seed_gives_the_same_trades() -> None:
    assert list(Market(500, START).trades()) == list(Market(500, START).trades())


def test_another_seed_gives_other_trades() -> None:
    assert list(Market(500, START).trades()) != list(Market(500, START, seed=2).trades())


def test_trades_are_received_in_order_and_at_most_the_disorder_after_they_happened() -> None:
    trades = list(Market(5_000, START).trades())
    received = [trade.received for trade in trades]
    assert received == sorted(received)
    assert all(0 <= trade.received - trade.at <= DISORDER_MS for trade in trades)
    assert any(a.at > b.at for a, b in itertools.pairwise(trades))
    assert min(trade.at for trade in trades) >= START
    assert received[-1] == Market(5_000, START).end < START + SPAN_MS + DISORDER_MS


def test_some_symbols_are_traded_far_more_than_others() -> None:
    counts = Counter(trade.symbol for trade in Market(20_000, START).trades())
    assert counts.keys() == set(SYMBOLS)
    assert counts[SYMBOLS[0]] > 10 * counts[SYMBOLS[-1]]


def test_frame_and_plain_record_tell_the_same_trade() -> None:
    (tick,) = binance.parse(frame(TRADE))
    assert isinstance(tick, events.Trade)
    flat = json.loads(plain(TRADE))
    assert (tick.symbol, tick.event_time) == (canonical("S001USDT"), flat["ts"] * 1000) == ("S001-USDT", (START + 5) * 1000)
    assert (price(TRADE), size(TRADE)) == ("100.05", "0.0012")
    assert (flat["symbol"], flat["price"], flat["size"], flat["event_id"]) == ("S001USDT", 100.05, 0.0012, "000000000007")
    assert [str(getattr(tick, name)) for name in ("price", "size", "side", "trade_id")] == ["100.05000000", "0.00120000", "sell", "7"]


def test_raw_records_have_a_heartbeat_a_second_and_end_with_enough_to_close_every_window() -> None:
    market = Market(2_000, START)
    items = list(live(market))
    beats = [item for item in items if item[3]]
    assert len(items) - len(beats) == 2_000
    stamps = Counter(item[4] for item in beats)
    used = {place(trade) for trade in market.trades()}
    last = [at for at in stamps if at > market.end]
    assert len(last) == LAST_HEARTBEATS - 1
    assert max(last) >= market.end + 60_000 + 5_000 + 2_000
    assert all(stamps[at] == len(used) for at in last)
    assert [item[4] for item in items] == sorted(item[4] for item in items)
