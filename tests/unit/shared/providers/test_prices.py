"""Reference prices of polled providers: index prices, never trades."""

from decimal import Decimal

import pytest

from shared.errors import Rejected
from shared.events import IndexPrice
from shared.providers import binance, coinbase, coingecko


def test_coingecko_gives_an_index_price_a_coin() -> None:
    payload = b'{"bitcoin":{"usd":67187.33,"last_updated_at":1711356300},"dogwifhat":{"usd":2.5}}'
    assert coingecko.parse(payload) == [
        IndexPrice("BTC-USD", "bitcoin", 1_711_356_300_000_000, Decimal("67187.33")),
        IndexPrice("DOGWIFHAT-USD", "dogwifhat", 0, Decimal("2.5")),
    ]


def test_a_coin_without_a_price_is_rejected_alone() -> None:
    first, second = coingecko.parse(b'{"bitcoin":{"usd":null},"ethereum":{"usd":-1}}')
    assert first == Rejected("missing_field", "coingecko 'bitcoin' without 'usd'")
    assert second == Rejected("bad_price", "ethereum.usd '-1' is not above zero")


@pytest.mark.parametrize("payload", [b"{", b"[]", b'{"status":{"error_code":429}}x', b"<html>"])
def test_garbage_is_rejected(payload: bytes) -> None:
    with pytest.raises(Rejected):
        coingecko.parse(payload)


def test_coingecko_is_asked_once_for_all() -> None:
    [address] = coingecko.requests("https://x", ["BTC-USD", "ETH-USD"])
    assert address == "https://x/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd&include_last_updated_at=true"


def test_binance_ticker_prices_are_index_prices() -> None:
    one = IndexPrice("BTC-USDT", "BTCUSDT", 0, Decimal("67187.33000000"))
    assert binance.parse(b'{"symbol":"BTCUSDT","price":"67187.33000000"}') == [one]
    assert binance.parse(b'[{"symbol":"BTCUSDT","price":"67187.33000000"},{"symbol":"BTCUSDT","price":"0"}]') == [
        one,
        Rejected("bad_price", "price '0' is not above zero"),
    ]


def test_coinbase_rates_of_a_base_are_its_prices() -> None:
    payload = b'{"data":{"currency":"BTC","rates":{"USD":"67187.33","EUR":"61950.1","AED":"246000"}}}'
    assert coinbase.parse(payload) == [
        IndexPrice("BTC-USD", "BTC-USD", 0, Decimal("67187.33")),
        IndexPrice("BTC-EUR", "BTC-EUR", 0, Decimal("61950.1")),
    ]
    assert coinbase.requests("https://x", ["BTC-USD", "ETH-USD", "BTC-EUR"]) == [
        "https://x/v2/exchange-rates?currency=BTC",
        "https://x/v2/exchange-rates?currency=ETH",
    ]
