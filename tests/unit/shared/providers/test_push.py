"""Pushed ticks: what an object holds says what it is."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events import Bar, IndexPrice, Quote, Trade
from shared.providers.push import native_symbol, parse, read
from shared.time import MINUTE

AT = 1610064000000000


def test_a_trade_a_quote_a_price_and_a_bar() -> None:
    [trade] = parse(b'{"symbol":"BTC-USD","time":"2021-01-08T00:00:00Z","price":39432.480,"size":"0.000263","side":"buy","id":"7"}')
    [quote] = parse(b'{"symbol":"btc_usd","time":1610064000000,"bid":"1.10","ask":1.2,"ask_size":0}')
    [index] = parse(b'{"symbol":"BTC-USD","time":1610064000000,"price":1e2,"size":null}')
    [bar] = parse(b'{"symbol":"AAPL","time":1610064000000,"open":2,"high":3,"low":1,"close":2,"volume":10,"vwap":2.5,"trade_count":4}')
    assert trade == Trade("BTC-USD", "BTC-USD", AT, Decimal("39432.480"), Decimal("0.000263"), "buy", "7")
    assert quote == Quote("BTC-USD", "btc_usd", AT, Decimal("1.10"), Decimal("1.2"), None, Decimal(0))
    assert index == IndexPrice("BTC-USD", "BTC-USD", AT, Decimal(100))
    assert bar == Bar("AAPL", "AAPL", AT, MINUTE, Decimal(2), Decimal(3), Decimal(1), Decimal(2), Decimal(10), Decimal("2.5"), 4)


def test_a_source_of_ones_own_begins_with_push() -> None:
    assert read(b'{"source":"push-desk","symbol":"BTC-USD","time":1610064000000,"price":1}')[0] == "push-desk"
    with pytest.raises(Rejected, match="begins with `push-`"):
        read(b'{"source":"binance","symbol":"BTC-USD","time":1610064000000,"price":1}')


@pytest.mark.parametrize(
    "wrong",
    [
        b"1",
        b"{}",
        b'"price":true',
        b'"price":{}',
        b'"price":"x"',
        b'"price":0',
        b'"bid":1',
        b'"open":1',
        b'"price":1,"size":0',
        b'"what":1',
    ],
)
def test_what_is_wrong_is_rejected(wrong: bytes) -> None:
    payload = wrong if wrong[:1] in b"1{" else b'{"symbol":"BTC-USD","time":1610064000000,%b}' % wrong
    with pytest.raises(Rejected):
        parse(payload)


@given(st.binary(max_size=80))
def test_nothing_but_a_rejection_is_raised(junk: bytes) -> None:
    for payload in (junk, b'{"symbol":"BTC-USD","time":1610064000000,"price":%b}' % junk):
        native_symbol(payload)
        with suppress(Rejected):
            parse(payload)
