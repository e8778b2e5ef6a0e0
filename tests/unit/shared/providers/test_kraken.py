"""Kraken v2 frames: every value, and one bad value among good ones."""

from decimal import Decimal

import pytest

from shared.errors import Rejected
from shared.events import Quote, Trade
from shared.providers import kraken

TRADE = (
    b'{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,"ord_type":"market",'
    b'"trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"},{"symbol":"MATIC/USD","side":"buy","price":0.00000637,"qty":1e-8,'
    b'"ord_type":"limit","trade_id":4665907,"timestamp":"2023-09-25T07:49:37.708707Z"}]}'
)
TICKER = b'{"channel":"ticker","type":"update","data":[{"symbol":"ALGO/USD","bid":0.10025,"bid_qty":740.0,"ask":0.10035,"ask_qty":0}]}'


def test_each_trade_of_a_frame_is_a_trade_with_all_its_digits() -> None:
    at = 1_695_628_177_708_706
    assert kraken.parse(TRADE) == [
        Trade("MATIC-USD", "MATIC/USD", at, Decimal("0.5117"), Decimal("40.0"), "sell", "4665906", 4665906),
        Trade("MATIC-USD", "MATIC/USD", at + 1, Decimal("0.00000637"), Decimal("1E-8"), "buy", "4665907", 4665907),
    ]


def test_a_ticker_is_a_quote() -> None:
    assert kraken.parse(TICKER) == [
        Quote("ALGO-USD", "ALGO/USD", 0, Decimal("0.10025"), Decimal("0.10035"), Decimal("740.0"), Decimal(0)),
    ]


def test_a_bad_value_does_not_take_its_neighbours_along() -> None:
    good, bad = kraken.parse(TRADE.replace(b'"qty":1e-8', b'"qty":-1'))
    assert isinstance(good, Trade)
    assert bad == Rejected("bad_size", "qty '-1' is not above zero")


@pytest.mark.parametrize(
    "payload",
    [
        b'{"channel":"heartbeat"}',
        b'{"method":"subscribe","result":{"channel":"trade"},"success":true}',
        b'{"channel":"status","data":[{}]}',
    ],
)
def test_control_frames_hold_no_ticks(payload: bytes) -> None:
    assert kraken.parse(payload) == []


@pytest.mark.parametrize(("payload", "reason"), [(b"{", "malformed"), (b'{"channel":"surprise"}', "unknown_type"), (b"[]", "malformed")])
def test_what_is_no_frame_is_rejected(payload: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        kraken.parse(payload)
    assert caught.value.reason == reason


def test_a_subscription_names_channel_and_symbols_the_venues_way() -> None:
    opening = kraken.stream("wss://x", ["BTC-USD", "ETH-USD"], ["trade"])
    assert opening.url == "wss://x/v2"
    assert opening.frames == (b'{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","ETH/USD"],"snapshot":false}}',)
    assert kraken.native_symbol(TRADE) == "MATIC/USD"
