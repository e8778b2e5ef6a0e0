"""The venues' answers to requests, as pure functions: bytes in, bytes out."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import deploy.simulator.venues
from deploy.simulator.limits import SECOND
from deploy.simulator.market import Market
from deploy.simulator.venue import Answer, Request, Venue
from deploy.simulator.venues import VENUES
from shared.errors import Rejected
from shared.events import IndexPrice, Trade
from shared.providers import PROVIDERS
from shared.tape import TAPES, Asked, Wanted, kind_of
from tests.unit.simulator.markets import NOW, book, market


def get(venue: str, path: str, markets: dict[str, Market] | None = None, etag: str = "", **query: str) -> Answer:
    headers = {"if-none-match": etag} if etag else {}
    return VENUES[venue].answer(Request(path, query, headers, NOW), markets or book(venue))


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
