"""Binance frames as the venue sends them, and as it should never."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.errors import Rejected
from shared.events import Quote, Trade
from shared.providers import binance

TRADE = b'{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782130,"m":true,"M":true}'
AGGREGATE = (
    b'{"stream":"nknusdt@aggTrade","data":{"e":"aggTrade","E":1633998523963,"s":"NKNUSDT","a":15683430,"p":"0.35280000",'
    b'"q":"58.00000000","f":19862790,"l":19862790,"T":1633998523962,"m":false,"M":true}}'
)
BOOK = b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}'
HUGE = b"9" * 5000


def rejection(payload: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        binance.parse(payload)
    return caught.value


def test_a_trade_whose_buyer_was_the_maker_is_a_sell() -> None:
    assert binance.parse(TRADE) == [
        Trade("BNB-BTC", "BNBBTC", 1_672_515_782_130_000, Decimal("0.001"), Decimal(100), "sell", "12345", 12345)
    ]


def test_an_aggregate_trade_of_a_combined_stream_has_its_own_numbering() -> None:
    assert binance.parse(AGGREGATE) == [
        Trade("NKN-USDT", "NKNUSDT", 1_633_998_523_962_000, Decimal("0.3528"), Decimal(58), "buy", "15683430", 15683430)
    ]


def test_a_book_ticker_is_a_quote_without_a_time() -> None:
    sizes = Decimal("31.21"), Decimal("40.66")
    assert binance.parse(BOOK) == [Quote("BNB-USDT", "BNBUSDT", 0, Decimal("25.3519"), Decimal("25.3652"), *sizes, sequence=400900217)]


def test_a_combined_book_ticker_and_one_of_futures_with_a_time_are_quotes() -> None:
    [quote] = binance.parse(b'{"stream":"bnbusdt@bookTicker","data":' + BOOK.replace(b"}", b',"T":1672515782130}') + b"}")
    assert isinstance(quote, Quote)
    assert quote.event_time == 1_672_515_782_130_000


def test_unknown_fields_are_ignored() -> None:
    assert binance.parse(TRADE.replace(b'"M":true', b'"M":{"new":[1,2,{}]},"X":null')) == binance.parse(TRADE)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"result":null,"id":1}',
        b'{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"s":"BNBBTC","i":"1m"}}',
        b'{"stream":"nknusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"NKNUSDT","U":1,"u":2,"b":[["0.35","6195"]],"a":[]}}',
        b'{"e":"24hrTicker","E":1,"s":"BNBBTC","p":"0.1","b":"1","B":"2","a":"3","A":"4"}',
    ],
)
def test_control_frames_and_types_not_taken_give_nothing(frame: bytes) -> None:
    assert binance.parse(frame) == []


@pytest.mark.parametrize(
    ("payload", "reason", "names"),
    [
        (b"", "malformed", "binance frame"),
        (b"{", "malformed", "binance frame"),
        (b"null", "malformed", "null"),
        (b"\x00", "malformed", "binance frame"),
        (TRADE + b"x", "malformed", "binance frame"),
        (TRADE[:-20], "malformed", "binance frame"),
        (TRADE.decode().encode("utf-16"), "malformed", "binance frame"),
        (TRADE.replace(b"BNBBTC", b"BNB\xe9BTC"), "bad_encoding", r"BNB\xe9BTC"),
        (b'{"e":"forceOrder"}', "unknown_type", "'forceOrder'"),
        (b"{}", "unknown_type", "e=''"),
        (b'{"data":{"data":{"e":"trade"}}}', "unknown_type", "e=''"),
        (b'{"x":' + b"[" * 1_000_000, "malformed", "nested"),
        (b'{"data":' * 100_000, "malformed", "nested"),
        (TRADE.replace(b'"p":"0.001",', b""), "missing_field", "trade without p"),
        (TRADE.replace(b'"q":"100",', b""), "missing_field", "trade without q"),
        (TRADE.replace(b'"t":12345,', b""), "missing_field", "trade without t"),
        (TRADE.replace(b'"T":1672515782130,', b""), "missing_field", "trade without T"),
        (TRADE.replace(b'"m":true,', b""), "missing_field", "trade without m"),
        (TRADE.replace(b'"p":"0.001"', b'"p":null'), "missing_field", "trade without p"),
        (AGGREGATE.replace(b'"a":15683430,', b""), "missing_field", "aggTrade without a"),
        (AGGREGATE.replace(b"15683430", b'"15683430"'), "malformed", "a '15683430' is not an integer"),
        (TRADE.replace(b'"0.001"', b"0.001"), "malformed", "$.p"),
        (TRADE.replace(b'"p":"0.001"', b'"p":""'), "bad_price", "p ''"),
        (TRADE.replace(b"0.001", b"-0.001"), "bad_price", "p '-0.001' is not above zero"),
        (TRADE.replace(b"0.001", b"0.000"), "bad_price", "p '0.000' is not above zero"),
        (TRADE.replace(b"0.001", b"NaN"), "bad_price", "p 'NaN' is not finite"),
        (TRADE.replace(b"0.001", b"Infinity"), "bad_price", "p 'Infinity' is not finite"),
        (TRADE.replace(b"0.001", b"1e999"), "bad_price", "p '1e999'"),
        (TRADE.replace(b"0.001", b"0.001\\u0000"), "bad_price", r"p '0.001\x00'"),
        (TRADE.replace(b'"100"', b'"0"'), "bad_size", "q '0' is not above zero"),
        (TRADE.replace(b'"100"', b'"-5"'), "bad_size", "q '-5' is not above zero"),
        (TRADE.replace(b'"100"', b'"' + HUGE + b'"'), "bad_size", "q '999"),
        (TRADE.replace(b"1672515782130", b"1672515782"), "bad_timestamp", "T 1672515782 is too small: seconds"),
        (TRADE.replace(b"1672515782130", b"1672515782130000"), "bad_timestamp", "T 1672515782130000 is too large: microseconds"),
        (TRADE.replace(b"1672515782130", b"-1"), "bad_timestamp", "T -1"),
        (TRADE.replace(b"1672515782130", b"1180591620717411303424"), "bad_timestamp", "T 1180591620717411303424"),
        (TRADE.replace(b"1672515782130", HUGE), "malformed", "$.T"),
        (TRADE.replace(b"12345", HUGE), "malformed", "$.t"),
        (TRADE.replace(b"12345", b"1.5"), "malformed", "$.t"),
        (TRADE.replace(b"12345", b"true"), "malformed", "$.t"),
        (TRADE.replace(b"BNBBTC", b"FOOBAR"), "unknown_symbol", "symbol 'FOOBAR'"),
        (TRADE.replace(b'"s":"BNBBTC",', b""), "unknown_symbol", "symbol ''"),
        (TRADE.replace(b"BNBBTC", b"BNB\\u0000BTC"), "unknown_symbol", r"symbol 'BNB\x00"),
        (BOOK.replace(b'"b":"25.35190000",', b""), "missing_field", "bookTicker without b or a"),
        (BOOK.replace(b"25.36520000", b"-1"), "bad_price", "a '-1' is not above zero"),
        (BOOK.replace(b"31.21000000", b"-1"), "bad_size", "B '-1' is negative"),
        (BOOK.replace(b"31.21000000", b"inf"), "bad_size", "B 'inf' is not finite"),
    ],
)
def test_a_bad_frame_is_rejected_with_reason_field_and_value(payload: bytes, reason: str, names: str) -> None:
    fault = rejection(payload)
    assert fault.reason == reason
    assert names in fault.message
    assert len(fault.message) <= 500


def test_a_trade_id_beyond_64_bits_is_parsed_and_left_to_the_envelope() -> None:
    [trade] = binance.parse(TRADE.replace(b"12345", str(2**70).encode()))
    assert isinstance(trade, Trade)
    assert (trade.sequence, trade.trade_id) == (2**70, str(2**70))


def test_a_frame_of_10_mb_is_parsed_or_rejected_like_any_other() -> None:
    padding = b'"x":"' + b"y" * 10_000_000 + b'",'
    assert binance.parse(TRADE.replace(b'"M"', padding + b'"M"')) == binance.parse(TRADE)
    assert rejection(TRADE.replace(b"0.001", b"1" * 10_000_000)).reason == "bad_price"
    assert rejection(TRADE.replace(b"BNBBTC", b"B" * 10_000_000)).reason == "unknown_symbol"
    assert rejection(b"{" * 10_000_000).reason == "malformed"


def test_the_key_of_a_frame_is_found_without_decoding_it() -> None:
    assert [binance.native_symbol(frame) for frame in (TRADE, AGGREGATE, BOOK, b'{"id":1}', b"\xff")] == [
        "BNBBTC",
        "NKNUSDT",
        "BNBUSDT",
        "",
        "",
    ]
