"""The log: every line numbered, the ring bounded, the file whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.simulator.log import Filter, Log
from deploy.simulator.market import Market, listing


def market(native: str = "BTCUSDT") -> Market:
    return Market(1, "binance", listing("BTC-USD"), native, first_id=100)


def lines(log: Log, **wanted: Any) -> list[dict[str, Any]]:
    text = b"".join(log.read(Filter(**wanted)))
    return [json.loads(line) for line in text.splitlines()]


def fill(log: Log, count: int) -> Market:
    of = market()
    for number in range(count):
        log.trade("trade", of, of.issue(number), [])
    return of


def test_a_trade_is_told_with_its_values_and_frames() -> None:
    log, of = Log(10), market()
    trade = of.issue(1_000)
    log.trade("trade", of, trade, [b'{"connection":1,"channel":"trade","fate":"sent"}'])
    assert lines(log) == [
        {
            "n": 1,
            "kind": "trade",
            "venue": "binance",
            "symbol": "BTCUSDT",
            "id": 100,
            "price": of.price(trade.price).decode(),
            "size": of.size(trade.size).decode(),
            "side": "buy" if trade.is_buy else "sell",
            "at": 1_000,
            "frames": [{"connection": 1, "channel": "trade", "fate": "sent"}],
        }
    ]


def test_lines_are_chosen_by_kind_venue_symbol_and_number() -> None:
    log = Log(100)
    fill(log, 3)
    log.note("request", "coingecko", path="/x", status=200)
    other = market("ETHUSDT")
    log.trade("trade", other, other.issue(0), [])
    assert [line["n"] for line in lines(log, kind="trade")] == [1, 2, 3, 5]
    assert [line["n"] for line in lines(log, venue="coingecko")] == [4]
    assert [line["n"] for line in lines(log, symbols=frozenset({"ETHUSDT"}))] == [5]
    assert [line["n"] for line in lines(log, since=4)] == [4, 5]


def test_the_ring_forgets_and_says_so() -> None:
    log = Log(10)
    fill(log, 25)
    assert (log.lines, log.forgotten, log.counts["trade"]) == (25, 15, 25)
    assert [line["n"] for line in lines(log)] == list(range(16, 26))


def test_the_file_holds_what_the_ring_forgot(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"n":1,"kind":"trade","venue":"an earlier run"}\n')
    log = Log(10, path)
    fill(log, 25)
    assert [line["n"] for line in lines(log)] == list(range(1, 26))
    assert [line["n"] for line in lines(log, since=20)] == list(range(20, 26))
    assert [line["n"] for line in lines(log, symbols=frozenset({"BTCUSDT"}), since=5)] == list(range(5, 26))
    log.close()
    assert len(path.read_text().splitlines()) == 26


def test_memory_and_file_tell_the_same(tmp_path: Path) -> None:
    log = Log(1000, tmp_path / "log.jsonl")
    fill(log, 50)
    log.note("connection", "binance", connection=1, event="opened")
    log.flush()
    assert b"".join(log.read(Filter())) == (tmp_path / "log.jsonl").read_bytes()
    log.close()
