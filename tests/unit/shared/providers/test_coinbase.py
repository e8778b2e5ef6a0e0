"""Coinbase frames as the venue sends them, and as it should never."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.errors import Rejected
from shared.events import Quote, Trade
from shared.providers import coinbase

MATCH = (
    b'{"type":"match","trade_id":10,"maker_order_id":"ac928c66-ca53-498f-9c13-a110027a60e8","taker_order_id":"132fb6ae-456b-4654-b4e0-d681ac05cea1",'
    b'"side":"sell","size":"5.23512","price":"400.23","product_id":"BTC-USD","sequence":50,"time":"2014-11-07T08:19:27.028459Z"}'
)
TICKER = (
    b'{"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775","open_24h":"14.6647","volume_24h":"94381.28","low_24h":"13.2",'
    b'"high_24h":"15.1","volume_30d":"2264571.6","best_bid":"14.7550","best_ask":"14.8060","side":"buy","time":"2021-04-17T16:43:30.244075Z",'
    b'"trade_id":881613,"last_size":"0.04"}'
)


def rejection(payload: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        coinbase.parse(payload)
    return caught.value


def test_a_match_of_a_selling_maker_is_a_buy() -> None:
    assert coinbase.parse(MATCH) == [
        Trade("BTC-USD", "BTC-USD", 1_415_348_367_028_459, Decimal("400.23"), Decimal("5.23512"), "buy", "10", 10)
    ]


def test_the_last_match_before_a_subscription_is_the_same_trade() -> None:
    assert coinbase.parse(MATCH.replace(b'"match"', b'"last_match"')) == coinbase.parse(MATCH)


def test_a_match_of_a_buying_maker_is_a_sell() -> None:
    [trade] = coinbase.parse(MATCH.replace(b'"sell"', b'"buy"'))
    assert isinstance(trade, Trade)
    assert trade.side == "sell"


def test_a_ticker_is_a_quote() -> None:
    assert coinbase.parse(TICKER) == [
        Quote("BAND-GBP", "BAND-GBP", 1_618_677_810_244_075, Decimal("14.7550"), Decimal("14.8060"), sequence=333938798)
    ]


def test_a_ticker_with_sizes_keeps_them_and_one_without_a_time_has_none() -> None:
    sized = TICKER.replace(b'"best_ask"', b'"best_bid_size":"0","best_ask_size":"1.50","best_ask"').replace(
        b'"time":"2021-04-17T16:43:30.244075Z",', b""
    )
    [quote] = coinbase.parse(sized)
    assert isinstance(quote, Quote)
    assert (quote.bid_size, quote.ask_size, quote.event_time) == (Decimal(0), Decimal("1.50"), 0)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"subscriptions","channels":[{"name":"level2","product_ids":["SKL-USD"]}]}',
        b'{"type":"l2update","product_id":"SKL-USD","changes":[["buy","0.6","0.0"]],"time":"2021-04-17T16:43:37.000000Z"}',
        b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2014-11-07T08:19:28.464459Z"}',
        b'{"type":"snapshot","product_id":"BTC-USD","bids":[["10101.10","0.45054140"]],"asks":[["10102.55","0.57753524"]]}',
    ],
)
def test_control_frames_and_channels_not_taken_give_nothing(frame: bytes) -> None:
    assert coinbase.parse(frame) == []


@pytest.mark.parametrize(
    ("payload", "reason", "names"),
    [
        (b"", "malformed", "coinbase frame"),
        (MATCH[:-1], "malformed", "coinbase frame"),
        (b'"match"', "malformed", "str"),
        (b"\xef\xbb\xbf" + MATCH, "malformed", "coinbase frame"),
        (MATCH.replace(b"BTC-USD", b"BTC-\xa3"), "bad_encoding", r"BTC-\xa3"),
        (MATCH.decode().encode("utf-16"), "malformed", "coinbase frame"),
        (b'{"x":' + b'{"x":' * 1_000_000, "malformed", "nested"),
        (b'{"type":"auction"}', "unknown_type", "'auction'"),
        (b"{}", "unknown_type", "type=''"),
        (b'{"type":"error","message":"Failed to subscribe","reason":"x"}', "unknown_type", "Failed to subscribe"),
        (MATCH.replace(b'"price":"400.23",', b""), "missing_field", "match without price"),
        (MATCH.replace(b'"size":"5.23512",', b""), "missing_field", "match without size"),
        (MATCH.replace(b'"trade_id":10,', b""), "missing_field", "match without trade_id"),
        (MATCH.replace(b',"time":"2014-11-07T08:19:27.028459Z"', b""), "missing_field", "match without time"),
        (MATCH.replace(b'"side":"sell",', b""), "bad_side", "side ''"),
        (MATCH.replace(b'"sell"', b'"SELL"'), "bad_side", "side 'SELL'"),
        (MATCH.replace(b"400.23", b"-400.23"), "bad_price", "price '-400.23' is not above zero"),
        (MATCH.replace(b"400.23", b"nan"), "bad_price", "price 'nan' is not finite"),
        (MATCH.replace(b'"400.23"', b"400.23"), "malformed", "$.price"),
        (MATCH.replace(b"5.23512", b"0.00000"), "bad_size", "size '0.00000' is not above zero"),
        (MATCH.replace(b"2014-11-07T08:19:27.028459Z", b"1415348367"), "bad_timestamp", "'1415348367'"),
        (MATCH.replace(b"2014-11-07", b"1970-01-01"), "bad_timestamp", "1970-01-01T08:19:27.028459Z"),
        (MATCH.replace(b":10,", b":1e400,"), "malformed", "coinbase frame"),
        (MATCH.replace(b":10,", b":" + b"9" * 5000 + b","), "malformed", "$.trade_id"),
        (MATCH.replace(b"BTC-USD", b"BTC\\u0000USD"), "unknown_symbol", r"symbol 'BTC\x00USD'"),
        (MATCH.replace(b'"product_id":"BTC-USD",', b""), "unknown_symbol", "symbol ''"),
        (MATCH.replace(b"BTC-USD", b"BTC-USD" + b" " * 100), "unknown_symbol", "symbol 'BTC-USD "),
        (TICKER.replace(b'"best_bid":"14.7550",', b""), "missing_field", "ticker without best_bid"),
        (TICKER.replace(b"14.8060", b"0"), "bad_price", "best_ask '0' is not above zero"),
        (TICKER.replace(b"14.8060", b""), "bad_price", "best_ask ''"),
    ],
)
def test_a_bad_frame_is_rejected_with_reason_field_and_value(payload: bytes, reason: str, names: str) -> None:
    fault = rejection(payload)
    assert fault.reason == reason
    assert names in fault.message
    assert len(fault.message) <= 500


def test_a_trade_id_beyond_64_bits_is_parsed_and_left_to_the_envelope() -> None:
    [trade] = coinbase.parse(MATCH.replace(b":10,", f":{2**70},".encode()))
    assert isinstance(trade, Trade)
    assert trade.sequence == 2**70


def test_a_far_future_time_is_parsed_and_left_to_the_envelope() -> None:
    [trade] = coinbase.parse(MATCH.replace(b"2014-11-07", b"9999-12-31"))
    assert isinstance(trade, Trade)
    assert trade.event_time > 253_402_200_000_000_000


def test_a_frame_of_10_mb_is_parsed_or_rejected_like_any_other() -> None:
    assert coinbase.parse(MATCH.replace(b'"side"', b'"x":"' + b"y" * 10_000_000 + b'","side"')) == coinbase.parse(MATCH)
    assert rejection(MATCH.replace(b"400.23", b"1" * 10_000_000)).reason == "bad_price"
    assert rejection(MATCH.replace(b"2014", b"2" * 10_000_000)).reason == "bad_timestamp"
    assert rejection(MATCH.replace(b'"sell"', b'"' + b"s" * 10_000_000 + b'"')).reason == "bad_side"


def test_the_key_of_a_frame_is_found_without_decoding_it() -> None:
    assert [coinbase.native_symbol(frame) for frame in (MATCH, TICKER, b'{"type":"subscriptions"}', b"\xff")] == [
        "BTC-USD",
        "BAND-GBP",
        "",
        "",
    ]
