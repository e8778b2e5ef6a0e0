"""The venues' protocols, as pure functions: bytes in, bytes out."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deploy.simulator.venues
from deploy.simulator.limits import SECOND
from deploy.simulator.market import Market, listing
from deploy.simulator.venue import Answer, Feed, Request, Session, Stream, Venue
from deploy.simulator.venues import VENUES
from shared.errors import Rejected
from shared.events import IndexPrice, Quote, Trade
from shared.providers import PROVIDERS
from shared.tape import TAPES, Asked, Wanted, kind_of

NOW = 1_700_000_000_123_456
STREAMED = [name for name, venue in VENUES.items() if venue.feed and name in PROVIDERS]


def market(venue: str, symbol: str = "BTC-USD", count: int = 5, seed: int = 1) -> Market:
    found = Market(seed, venue, listing(symbol), VENUES[venue].native(symbol), precision=VENUES[venue].precision)
    for number in range(count):
        found.issue(NOW + number * SECOND)
    return found


def book(venue: str) -> dict[str, Market]:
    return {found.native: found for found in (market(venue, symbol) for symbol in ("BTC-USD", "ETH-USD"))}


def feed(venue: str) -> Feed:
    found = VENUES[venue].feed
    assert found is not None
    return found


def get(venue: str, path: str, markets: dict[str, Market] | None = None, etag: str = "", **query: str) -> Answer:
    headers = {"if-none-match": etag} if etag else {}
    return VENUES[venue].answer(Request(path, query, headers, NOW), markets or book(venue))


def talk(venue: str, session: Session, *messages: object) -> list[Any]:
    found = []
    for message in messages:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        found += [json.loads(frame) for frame in feed(venue).received(raw, session, book(venue), NOW)]
    return found


def test_the_registry_holds_every_venue_file() -> None:
    folder = Path(deploy.simulator.venues.__file__).parent
    assert set(VENUES) == {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert all(isinstance(venue, Venue) for venue in VENUES.values())


def test_symbols_are_spelled_as_the_venues_do() -> None:
    spelled = {name: [venue.native(symbol) for symbol in ("BTC-USD", "ETH-EUR", "NEW-USD")] for name, venue in VENUES.items()}
    assert spelled == {
        "binance": ["BTCUSDT", "ETHEUR", "NEWUSDT"],
        "coinbase": ["BTC-USD", "ETH-EUR", "NEW-USD"],
        "coincap": ["bitcoin", "ethereum", "new"],
        "coingecko": ["bitcoin", "ethereum", "new"],
        "coinpaprika": ["btc-bitcoin", "eth-ethereum", "new-new"],
        "kraken": ["BTC/USD", "ETH/EUR", "NEW/USD"],
        "polygon": ["BTC.USD", "ETH.EUR", "NEW.USD"],
    }


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


def test_binance_prices_are_asked_for_singly_in_lists_or_all() -> None:
    path, markets = "/api/v3/ticker/price", book("binance")
    price = Decimal(markets["BTCUSDT"].price(markets["BTCUSDT"].last.price).decode())
    one = json.loads(get("binance", path, markets, symbol="BTCUSDT").body)
    assert (one["symbol"], Decimal(one["price"])) == ("BTCUSDT", price)
    assert [row["symbol"] for row in json.loads(get("binance", path, symbols='["ETHUSDT"]').body)] == ["ETHUSDT"]
    assert [row["symbol"] for row in json.loads(get("binance", path).body)] == ["BTCUSDT", "ETHUSDT"]
    for query in ({"symbol": "NO"}, {"symbols": '["NO"]'}, {"symbols": "["}):
        assert get("binance", path, None, "", **query).status == 400


def test_binance_history_pages_from_an_id() -> None:
    of = market("binance", count=50)
    rows = json.loads(
        get("binance", "/api/v3/historicalTrades", {of.native: of}, symbol=of.native, fromId=str(of.first_id + 10), limit="5").body
    )
    assert [row["id"] for row in rows] == [of.first_id + number for number in range(10, 15)]
    newest = json.loads(get("binance", "/api/v3/trades", {of.native: of}, symbol=of.native, limit="3").body)
    assert [row["id"] for row in newest] == [of.first_id + number for number in (47, 48, 49)]
    aggregates = json.loads(get("binance", "/api/v3/aggTrades", {of.native: of}, symbol=of.native, limit="3").body)
    again = json.loads(get("binance", "/api/v3/aggTrades", {of.native: of}, symbol=of.native, fromId=str(aggregates[0]["a"])).body)
    assert again == aggregates
    assert get("binance", "/api/v3/aggTrades", symbol="BTCUSDT", fromId="x").status == 400


def test_coinbase_rates_are_the_inverse_of_prices() -> None:
    markets = book("coinbase")
    rates = json.loads(get("coinbase", "/v2/exchange-rates", markets, currency="USD").body)["data"]
    price = Decimal(markets["BTC-USD"].price(markets["BTC-USD"].last.price).decode())
    assert rates["currency"] == "USD"
    assert abs(Decimal(rates["rates"]["BTC"]) * price - 1) < Decimal("1e-9")
    assert rates["rates"]["USD"] == "1"
    bitcoin = json.loads(get("coinbase", "/v2/exchange-rates", markets, currency="btc").body)["data"]["rates"]
    assert Decimal(bitcoin["USD"]) == price
    assert get("coinbase", "/v2/exchange-rates", currency="NO").status == 400


def test_coinbase_trades_page_to_older_ones() -> None:
    of, found = market("coinbase", count=25), []
    after = str(of.last.id + 1)
    for _ in range(3):
        answer = get("coinbase", "/products/BTC-USD/trades", {"BTC-USD": of}, limit="10", after=after)
        found += [row["trade_id"] for row in json.loads(answer.body)]
        after = answer.headers["CB-AFTER"]
    assert found == [trade.id for trade in reversed(of.trades)]
    assert json.loads(get("coinbase", "/products/BTC-USD/trades", {"BTC-USD": of}, after=after).body) == []


def test_coingecko_answers_the_coins_it_knows_and_304_where_nothing_changed() -> None:
    markets, path = book("coingecko"), "/api/v3/simple/price"
    query = {"ids": "ethereum,bitcoin,nothing", "vs_currencies": "usd", "include_last_updated_at": "true"}
    answer = get("coingecko", path, markets, **query)
    bitcoin = markets["bitcoin"]
    found = json.loads(answer.body, parse_float=Decimal)
    assert found.keys() == {"bitcoin", "ethereum"}
    if "coingecko" in PROVIDERS:
        prices = [tick for tick in PROVIDERS["coingecko"].parse(answer.body) if isinstance(tick, IndexPrice)]
        assert [(tick.native_symbol, tick.event_time) for tick in prices] == [
            (name, markets[name].last.at) for name in ("bitcoin", "ethereum")
        ]
    assert found["bitcoin"] == {"usd": Decimal(bitcoin.price(bitcoin.last.price).decode()), "last_updated_at": bitcoin.last.at // SECOND}
    assert get("coingecko", path, markets, etag=answer.headers["ETag"], **query).status == 304
    bitcoin.issue(NOW + 100 * SECOND)
    assert get("coingecko", path, markets, etag=answer.headers["ETag"], **query).status == 200


def test_coingecko_names_the_missing_parameter() -> None:
    assert get("coingecko", "/api/v3/simple/price", ids="bitcoin").status == 422


def test_limits_are_told_in_the_venues_words() -> None:
    answers = {name: venue.limited(17) for name, venue in VENUES.items()}
    assert all(answer.status == 429 and answer.headers["Retry-After"] == "17" for answer in answers.values())
    assert json.loads(answers["binance"].body)["code"] == -1003


def test_other_paths_are_not_found() -> None:
    assert {name: get(name, "/nothing").status for name in VENUES} == dict.fromkeys(VENUES, 404)


@pytest.mark.parametrize("venue", sorted(name for name, tape in TAPES.items() if kind_of(tape.CHANNELS[0]) == "trade"))
def test_what_the_platform_lacks_is_what_a_page_holds(venue: str) -> None:
    of, tape = market(venue, count=3000), TAPES[venue]
    channel, first, last = tape.CHANNELS[0], of.first_id + 40, of.first_id + 1200

    def ask(asked: Asked) -> list[int]:
        split = urlsplit(asked.url)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        found = tape.parse(VENUES[venue].answer(Request(split.path, query, {}, NOW), {of.native: of}).body, of.native)
        return sorted(value.sequence for value in found if isinstance(value, Trade))

    before, newest = of.since(first - 1, 1)[0], of.last.id
    page = ask(tape.page("http://x", Wanted(of.native, channel, first, last, before.at)))
    assert page[:1000] == list(range(first, first + 1000)) or page == list(
        range(first - 1, first + 999)
    )  # a time may be that of the one before
    assert ask(tape.newest("http://x", of.native, channel)) == [newest]
    assert ask(tape.following("http://x", of.native, channel, newest - 7, of.since(newest - 7, 1)[0].at)) == list(
        range(newest - 6, newest + 1)
    )
    assert ask(tape.following("http://x", of.native, channel, newest, of.last.at)) == []


def test_kraken_tells_errors_with_status_200() -> None:
    for pair, since in (("XXXYYY", "0"), ("XBTUSD", "x")):
        answer = get("kraken", "/0/public/Trades", pair=pair, since=since)
        assert answer.status == 200
        with pytest.raises(Rejected):
            TAPES["kraken"].parse(answer.body, "BTC/USD")
