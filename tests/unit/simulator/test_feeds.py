"""The venues' streams, as pure functions: frames in, frames out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.venue import Feed, Session, Stream
from deploy.simulator.venues import VENUES
from shared.events import Quote, Trade
from shared.providers import PROVIDERS
from tests.unit.simulator.markets import NOW, book, market

STREAMED = [name for name, venue in VENUES.items() if venue.feed and name in PROVIDERS]


def feed(venue: str) -> Feed:
    found = VENUES[venue].feed
    assert found is not None
    return found


def talk(venue: str, session: Session, *messages: object) -> list[Any]:
    found = []
    for message in messages:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        found += [json.loads(frame) for frame in feed(venue).received(raw, session, book(venue), NOW)]
    return found


@given(st.integers(0, 10_000), st.sampled_from(["BTC-USD", "SOL-USD", "OTHER-USD"]))
def test_every_channel_of_every_feed_is_json_and_names_its_symbol(seed: int, symbol: str) -> None:
    for name, venue in VENUES.items():
        of = market(name, symbol, 1, seed)
        for encode in venue.feed.encoders.values() if venue.feed else ():
            payload = encode(of, of.last)
            json.loads(payload)
            assert of.native in payload.decode()


@given(st.integers(0, 10_000), st.sampled_from(["BTC-USD", "SOL-USD"]), st.sampled_from(STREAMED))
def test_the_providers_parse_the_values_that_were_issued(seed: int, symbol: str, name: str) -> None:
    of = market(name, symbol, 3, seed)
    for channel, encode in feed(name).encoders.items():
        (tick,) = PROVIDERS[name].parse(encode(of, of.last))
        if channel in feed(name).trades:
            assert isinstance(tick, Trade)
            side = "buy" if of.last.is_buy else "sell"
            values = (of.native, Decimal(of.price(of.last.price).decode()), Decimal(of.size(of.last.size).decode()), side, of.last.at)
            assert (tick.native_symbol, tick.price, tick.size, tick.side, tick.event_time) == values
            if "agg" not in channel:
                assert tick.trade_id == str(of.last.id)
        else:
            assert isinstance(tick, Quote)
            assert tick.native_symbol == of.native
            assert (tick.bid, tick.ask) == tuple(Decimal(of.price(price).decode()) for price in (of.last.bid, of.last.ask))


def test_binance_takes_streams_from_the_path_and_by_frames() -> None:
    session = Session(1)
    assert feed("binance").opened("stream", {"streams": "btcusdt@trade/ethusdt@bookTicker/x@depth"}, session, {}, NOW) == []
    assert session.streams == {Stream("stream/trade", "BTCUSDT"), Stream("stream/bookTicker", "ETHUSDT")}
    replies = talk(
        "binance",
        session,
        {"method": "SUBSCRIBE", "params": ["ethusdt@aggTrade"], "id": 1},
        {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@bookTicker"], "id": 2},
        {"method": "LIST_SUBSCRIPTIONS", "id": 3},
    )
    assert replies == [{"result": None, "id": 1}, {"result": None, "id": 2}, {"result": ["ethusdt@aggTrade"], "id": 3}]


def test_binance_frames_are_bare_on_ws_and_wrapped_on_stream() -> None:
    bare, wrapped, of = Session(1), Session(2), market("binance")
    feed("binance").opened("ws/btcusdt@trade", {}, bare, {}, NOW)
    feed("binance").opened("stream", {"streams": "btcusdt@trade"}, wrapped, {}, NOW)
    one, other = (json.loads(feed("binance").encoders[next(iter(s.streams)).channel](of, of.last)) for s in (bare, wrapped))
    assert other == {"stream": "btcusdt@trade", "data": one}
    assert feed("binance").opened("elsewhere", {}, Session(3), {}, NOW) is None


@pytest.mark.parametrize("message", [b"{", b"[]", b'{"method":"DANCE","id":4}', b'{"id":1}', b'{"method":"SUBSCRIBE","params":5}'])
def test_binance_refuses_requests_it_does_not_know(message: bytes) -> None:
    (reply,) = talk("binance", Session(1), message)
    assert reply["error"]["code"] == 2


def test_coinbase_answers_with_subscriptions_and_what_is_newest() -> None:
    session = Session(1)
    replies = talk("coinbase", session, {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches", "ticker", "heartbeat"]})
    assert replies[0] == {
        "type": "subscriptions",
        "channels": [{"name": name, "product_ids": ["BTC-USD"]} for name in ("matches", "ticker", "heartbeat")],
    }
    assert sorted(reply["type"] for reply in replies[1:]) == ["heartbeat", "last_match", "ticker"]
    newest = book("coinbase")["BTC-USD"].last.id
    assert {reply.get("trade_id", reply.get("last_trade_id")) for reply in replies[1:]} == {newest}
    assert [trade.id for _, trade in session.shown] == [newest]
    beats = [json.loads(frame) for frame in feed("coinbase").beat(session, book("coinbase"), NOW)]
    assert [(beat["type"], beat["product_id"]) for beat in beats] == [("heartbeat", "BTC-USD")]


def test_coinbase_takes_channels_with_products_of_their_own() -> None:
    session = Session(1)
    talk("coinbase", session, {"type": "subscribe", "channels": [{"name": "matches", "product_ids": ["ETH-USD"]}]})
    assert session.streams == {Stream("matches", "ETH-USD")}
    talk("coinbase", session, {"type": "unsubscribe", "product_ids": ["ETH-USD"], "channels": ["matches"]})
    assert session.streams == set()


@pytest.mark.parametrize(
    "message",
    [
        b"{",
        b'{"type":"subscribe","product_ids":["NO-USD"],"channels":["matches"]}',
        b'{"type":"dance","channels":[]}',
        b'{"type":"subscribe"}',
    ],
)
def test_coinbase_refuses_with_an_error_frame(message: bytes) -> None:
    (reply,) = talk("coinbase", Session(1), message)
    assert reply["type"] == "error"


def test_kraken_greets_acknowledges_each_symbol_and_beats() -> None:
    session = Session(7)
    assert feed("kraken").beat(session, {}, NOW) == []
    greeting = feed("kraken").opened("v2", {}, session, {}, NOW)
    assert greeting is not None
    assert json.loads(greeting[0])["channel"] == "status"
    request = {
        "method": "subscribe",
        "params": {"channel": "trade", "symbol": ["BTC/USD", "NO/USD", "ETH/USD"], "snapshot": False},
        "req_id": 9,
    }
    replies = talk("kraken", session, request)
    assert [(reply["success"], reply["req_id"]) for reply in replies] == [(True, 9), (False, 9), (True, 9)]
    assert replies[0]["result"] == {"channel": "trade", "snapshot": False, "symbol": "BTC/USD"}
    assert session.streams == {Stream("trade", "BTC/USD"), Stream("trade", "ETH/USD")}
    assert feed("kraken").beat(session, {}, NOW) == [b'{"channel":"heartbeat"}']


def test_kraken_shows_the_newest_trades_unless_declined() -> None:
    session = Session(1)
    _, snapshot = talk("kraken", session, {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"]}})
    assert snapshot["type"] == "snapshot"
    ids = [item["trade_id"] for item in snapshot["data"]]
    assert ids == [trade.id for trade in book("kraken")["BTC/USD"].trades] == [trade.id for _, trade in session.shown]


def test_kraken_writes_numbers_with_all_their_digits() -> None:
    of = market("kraken")
    (item,) = json.loads(feed("kraken").encoders["trade"](of, of.last), parse_float=Decimal)["data"]
    assert (item["price"], item["qty"]) == (Decimal(of.price(of.last.price).decode()), Decimal(of.size(of.last.size).decode()))
    assert (item["trade_id"], item["side"]) == (of.last.id, "buy" if of.last.is_buy else "sell")


@pytest.mark.parametrize(
    "message", [b"{", b'{"method":"dance"}', b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}']
)
def test_kraken_refuses_what_it_does_not_know(message: bytes) -> None:
    (reply,) = talk("kraken", Session(1), message)
    assert reply["success"] is False


def test_kraken_answers_pings() -> None:
    (reply,) = talk("kraken", Session(1), {"method": "ping", "req_id": 3})
    assert (reply["method"], reply["req_id"]) == ("pong", 3)
