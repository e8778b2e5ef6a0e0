"""Every trade and quote of the recorded WebSocket sessions, exact, against a reading of the files that shares no code with the platform."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.fetcher.readers.frames import Frames
from shared.events import Quote, Run, Tick, Trade, tick_id
from shared.runs import FramesRequest
from tests.golden.sessions import counts, letters, outputs, recording, ticks

COINBASE, BINANCE = "coinbase-session-2021-04-17.txt", "binance-session-2021-10-11.txt"
Line = tuple[int, dict[str, Any]]
Fact = tuple[object, ...]


def lines(name: str) -> Iterator[Line]:
    """Receive time in us (further digits cut) and frame of each recorded line."""
    for line in recording(name).decode().splitlines():
        found = re.fullmatch(r"(\d+)\.(\d+): (\{.*\})", line)
        if found:
            yield int(found[1]) * 10**6 + int((found[2] + "000000")[:6]), json.loads(found[3], parse_float=Decimal)


def microseconds(text: str) -> int:
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return round(at.replace(microsecond=0).timestamp()) * 10**6 + at.microsecond


def coinbase(received: int, frame: dict[str, Any]) -> Fact | None:
    symbol = frame.get("product_id")
    if frame["type"] in ("match", "last_match"):
        side = {"buy": "sell", "sell": "buy"}[frame["side"]]
        at = microseconds(frame["time"])
        return (
            "trade",
            symbol,
            symbol,
            at,
            received,
            Decimal(frame["price"]),
            Decimal(frame["size"]),
            side,
            str(frame["trade_id"]),
            frame["trade_id"],
        )
    if frame["type"] == "ticker":
        at = microseconds(frame["time"]) if "time" in frame else received
        return "quote", symbol, symbol, at, received, Decimal(frame["best_bid"]), Decimal(frame["best_ask"]), None, None, frame["sequence"]
    return None


def binance(received: int, frame: dict[str, Any]) -> Fact | None:
    data = frame["data"]
    native = data["s"]
    symbol = {"NKNUSDT": "NKN-USDT", "BLZETH": "BLZ-ETH", "LRCBTC": "LRC-BTC", "RUNEEUR": "RUNE-EUR"}[native]
    if data.get("e") == "aggTrade":
        side, number = "sell" if data["m"] else "buy", data["a"]
        return "trade", symbol, native, data["T"] * 1000, received, Decimal(data["p"]), Decimal(data["q"]), side, str(number), number
    if "e" not in data:
        sizes = Decimal(data["B"]), Decimal(data["A"])
        return "quote", symbol, native, received, received, Decimal(data["b"]), Decimal(data["a"]), *sizes, data["u"]
    return None


def told(tick: Tick) -> Fact:
    """The same of a tick."""
    head = (tick.kind, tick.symbol, tick.native_symbol, tick.event_time, tick.received_at)
    if isinstance(tick, Trade):
        return *head, tick.price, tick.size, tick.side, tick.trade_id, tick.sequence
    assert isinstance(tick, Quote)
    return *head, tick.bid, tick.ask, tick.bid_size, tick.ask_size, tick.sequence


def read(provider: str, name: str) -> list[Any]:
    run = Run("frames-1", "frames", "running", provider, 0, 0)
    return outputs(Frames(run, FramesRequest(name, provider)), recording(name))


def in_order(facts: list[Fact]) -> list[Fact]:
    return sorted(facts, key=repr)


@pytest.mark.parametrize(("provider", "name", "expected"), [("coinbase", COINBASE, coinbase), ("binance", BINANCE, binance)])
def test_every_trade_and_quote_is_read_with_its_exact_values(provider: str, name: str, expected: Any) -> None:
    facts = [fact for received, frame in lines(name) if (fact := expected(received, frame)) is not None]
    assert in_order([told(tick) for tick in ticks(read(provider, name))]) == in_order(facts)


@pytest.mark.parametrize(
    ("provider", "name", "trades", "quotes", "ignored"),
    [("coinbase", COINBASE, 41, 41, 4904), ("binance", BINANCE, 1, 50, 98)],
)
def test_every_frame_is_counted_once_and_none_is_rejected(provider: str, name: str, trades: int, quotes: int, ignored: int) -> None:
    published = read(provider, name)
    kinds = Counter(tick.kind for tick in ticks(published))
    assert kinds == {"trade": trades, "quote": quotes}
    assert counts(published) == (trades + quotes, 0, ignored)
    assert letters(published) == []
    assert sum(1 for _ in lines(name)) == trades + quotes + ignored


@pytest.mark.parametrize(("provider", "name"), [("coinbase", COINBASE), ("binance", BINANCE)])
def test_the_same_session_again_has_the_same_identities(provider: str, name: str) -> None:
    once = [(tick.source, tick.symbol, tick.kind, tick_id(tick)) for tick in ticks(read(provider, name))]
    again = [(tick.source, tick.symbol, tick.kind, tick_id(tick)) for tick in ticks(read(provider, name))]
    assert once == again
    assert len(set(once)) == len(once)
