"""CoinGecko markets, CoinCap and CoinPaprika: a price and what else is said of a coin, each on its own."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.market import Market, listing
from deploy.simulator.venue import Request
from deploy.simulator.venues import VENUES
from shared.errors import Rejected
from shared.events import IndexPrice, MarketInfo
from shared.providers import PRICED, PROVIDERS, coincap, coingecko, coingecko_markets, coinpaprika

PAPRIKA = (
    b'{"id":"btc-bitcoin","name":"Bitcoin","symbol":"BTC","rank":1,"total_supply":19883231,"last_updated":"2025-06-25T10:47:48Z",'
    b'"quotes":{"USD":{"price":107077.69661924685,"volume_24h":23175936198.924427,"volume_24h_change_24h":-44.15,"market_cap":2129051326372,'
    b'"percent_change_1h":0.31,"percent_change_24h":1.74,"percent_change_7d":-2.3,"ath_price":111867.76}}}'
)
CAP = (
    b'{"data":[{"id":"bitcoin","rank":"1","symbol":"BTC","name":"Bitcoin","supply":"19788862.0000000000000000","maxSupply":null,'
    b'"marketCapUsd":"1904557171625.0952172577833640","volumeUsd24Hr":"12724040223.1452060699561802","priceUsd":"96243.8957644504882220",'
    b'"changePercent24Hr":"-0.9762522061124105","vwap24Hr":"95583.4674577419449477"}],"timestamp":1735689600123}'
)
MARKETS = (
    b'[{"id":"bitcoin","symbol":"btc","name":"Bitcoin","image":"https://x","current_price":70187,"market_cap":1381651251183,'
    b'"market_cap_rank":1,"total_volume":20154184933,"price_change_percentage_24h":3.12502,"ath":73738,"roi":null,'
    b'"price_change_percentage_1h_in_currency":0.15,"price_change_percentage_7d_in_currency":-1.2,"last_updated":"2024-04-07T16:49:31.736Z"}]'
)


def test_coinpaprika_gives_a_price_and_what_else_it_says() -> None:
    at = 1_750_848_468_000_000
    assert coinpaprika.parse(PAPRIKA) == [
        IndexPrice("BTC-USD", "btc-bitcoin", at, Decimal("107077.69661924685")),
        MarketInfo(
            "BTC-USD",
            "btc-bitcoin",
            at,
            "Bitcoin",
            1,
            Decimal(2129051326372),
            Decimal("23175936198.924427"),
            Decimal("0.31"),
            Decimal("1.74"),
            Decimal("-2.3"),
        ),
    ]
    assert coinpaprika.parse(b"[" + PAPRIKA + b"]") == coinpaprika.parse(PAPRIKA)


def test_coincap_gives_a_price_and_what_else_it_says() -> None:
    at = 1_735_689_600_123_000
    assert coincap.parse(CAP) == [
        IndexPrice("BTC-USD", "bitcoin", at, Decimal("96243.8957644504882220")),
        MarketInfo(
            "BTC-USD",
            "bitcoin",
            at,
            "Bitcoin",
            1,
            Decimal("1904557171625.0952172577833640"),
            Decimal("12724040223.1452060699561802"),
            change_24h=Decimal("-0.9762522061124105"),
        ),
    ]


def test_coingecko_markets_give_a_price_and_what_else_they_say() -> None:
    at = 1_712_508_571_736_000
    changes = (Decimal("0.15"), Decimal("3.12502"), Decimal("-1.2"))
    assert coingecko_markets.parse(MARKETS) == [
        IndexPrice("BTC-USD", "bitcoin", at, Decimal(70187)),
        MarketInfo("BTC-USD", "bitcoin", at, "Bitcoin", 1, Decimal(1381651251183), Decimal(20154184933), *changes),
    ]


def test_a_figure_that_is_none_leaves_the_price() -> None:
    price, fault = coincap.parse(CAP.replace(b'"rank":"1"', b'"rank":"first"'))
    assert isinstance(price, IndexPrice)
    assert fault == Rejected("malformed", "rank 'first' is no whole number")
    price, fault = coinpaprika.parse(PAPRIKA.replace(b"2129051326372", b"1e30"))
    assert isinstance(price, IndexPrice)
    assert fault == Rejected("malformed", "market_cap '1E+30' has more than 18 digits before or after the point")


def test_a_coin_without_a_price_says_nothing_else() -> None:
    assert coincap.parse(CAP.replace(b'"96243.8957644504882220"', b"null")) == [
        Rejected("missing_field", "coincap 'bitcoin' without priceUsd")
    ]


def test_what_coingecko_says_beside_a_price_is_no_price() -> None:
    payload = b'{"bitcoin":{"usd":67187.33,"usd_market_cap":1317802988326.25,"usd_24h_vol":31260929299.52,"usd_24h_change":3.63}}'
    assert coingecko.parse(payload) == [IndexPrice("BTC-USD", "bitcoin", 0, Decimal("67187.33"))]


@pytest.mark.parametrize("name", ["coincap", "coingecko-markets", "coinpaprika"])
@given(payload=st.one_of(st.binary(max_size=200), st.sampled_from([b"{", b"[]", b"null", b"[1]", b'{"data":5}', b"<html>", b"[" * 5000])))
def test_garbage_is_rejected_or_empty(name: str, payload: bytes) -> None:
    with contextlib.suppress(Rejected):
        assert not [value for value in PROVIDERS[name].parse(payload) if not isinstance(value, Rejected)]


@pytest.mark.parametrize("name", PRICED)
@pytest.mark.parametrize("coin", ["BTC", "XRP", "PEPE", "SHIB.SHIBA.INU"])
def test_a_venue_s_answer_names_the_symbol_that_was_asked_for(name: str, coin: str) -> None:
    """Asked of the simulated venue by the address that the provider makes."""
    provider, symbol = PRICED[name], f"{coin}-{PRICED[name].QUOTE}"
    venue = VENUES[name.removesuffix("-markets")]
    market = Market(1, venue.name, listing(f"{coin}-USD"), provider.native(symbol), precision=venue.precision)
    market.issue(1_700_000_000_000_000)
    [address] = provider.requests("https://x/v2" if name == "coincap" else "https://x", [symbol])
    path, _, query = address.removeprefix("https://x").partition("?")
    given = dict(part.split("=", 1) for part in query.replace("%5B%22", '["').replace("%22%5D", '"]').split("&"))
    answer = venue.answer(Request(path, given, {}, 1_700_000_001_000_000), {market.native: market})
    assert answer.status == 200
    price = next(value for value in PROVIDERS[name].parse(answer.body) if isinstance(value, IndexPrice) and value.symbol == symbol)
    assert price.price == Decimal(market.price(market.last.price).decode())


def test_keys_go_into_headers() -> None:
    assert coingecko.authorized("k", "https://pro-api.coingecko.com") == {"x-cg-pro-api-key": "k"}
    assert coingecko.authorized("k", "") == {"x-cg-demo-api-key": "k"}
    assert coincap.authorized("k", "") == {"Authorization": "Bearer k"}
    assert coinpaprika.authorized("k", "") == {"Authorization": "k"}


def test_many_coins_are_asked_for_in_pages_or_all_at_once() -> None:
    many = [f"C{n}-USD" for n in range(250)]
    assert len(coingecko_markets.requests("https://x", many)) == 3
    assert len(coincap.requests("https://x", many)) == 3
    assert coinpaprika.requests("https://x", many) == ["https://x/v1/tickers?quotes=USD"]
    assert coinpaprika.requests("https://x", ["BTC-USD", "ETH-USD"]) == [
        "https://x/v1/tickers/btc-bitcoin?quotes=USD",
        "https://x/v1/tickers/eth-ethereum?quotes=USD",
    ]
