"""Whatever the bytes, a parser gives ticks or a rejection that says why; and reading a plain trade fast changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aggregations.candles import row
from shared.errors import Rejected
from shared.events import Bar, IndexPrice, MarketInfo, Quote, Trade
from shared.providers import PROVIDERS, TRADE_ROWS
from shared.storable import INT64

FRAMES: dict[str, list[bytes]] = {
    "binance": [
        b'{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}',
        (
            b'{"stream":"nknusdt@aggTrade","data":{"e":"aggTrade","E":1633998523963,"s":"NKNUSDT","a":15683430,"p":"0.35280000","q":"58.00000000",'
            b'"f":19862790,"l":19862790,"T":1633998523963,"m":false,"M":true}}'
        ),
        b'{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}',
        b'{"stream":"nknusdt@depth@100ms","data":{"e":"depthUpdate","E":1633998512068,"s":"NKNUSDT","U":1,"u":2,"b":[["0.3","61"]],"a":[]}}',
        b'{"result":null,"id":1}',
    ],
    "coinbase": [
        (
            b'{"type":"match","trade_id":10,"maker_order_id":"ac92","taker_order_id":"132f","side":"sell","size":"5.23512","price":"400.23",'
            b'"product_id":"BTC-USD","sequence":50,"time":"2014-11-07T08:19:27.028459Z"}'
        ),
        (
            b'{"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775","best_bid":"14.7550","best_ask":"14.8060",'
            b'"side":"buy","time":"2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04"}'
        ),
        b'{"type":"l2update","product_id":"SKL-USD","changes":[["buy","0.6","0.0"]],"time":"2021-04-17T16:43:37.000000Z"}',
    ],
    "kraken": [
        (
            b'{"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,"ord_type":"market",'
            b'"trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"},{"symbol":"BTC/USD","side":"buy","price":1,"qty":2,"trade_id":3,'
            b'"timestamp":"2023-09-25T07:49:37.708706Z"}]}'
        ),
        (
            b'{"channel":"ticker","type":"update","data":[{"symbol":"ALGO/USD","bid":0.10025,"bid_qty":740.0,"ask":0.10035,"ask_qty":740.0,'
            b'"last":0.10035,"volume":997038.98383185,"vwap":0.10148,"low":0.09979,"high":0.10285,"change":-0.00017,"change_pct":-0.17}]}'
        ),
        b'{"channel":"heartbeat"}',
    ],
    "coingecko": [
        b'{"bitcoin":{"usd":67187.33,"last_updated_at":1711356300},"ethereum":{"usd":3509.12,"last_updated_at":1711356301}}',
    ],
    "prices-csv": [
        b"trade_id,price,quantity,time,is_buyer_maker,symbol=BTC-USDT,zone=UTC\n553287559,39432.48,0.000263,1610064000278,true",
        b"timestamp,bid,ask,symbol=USD/JPY,zone=America/New_York\n2013-01-01 22:00:00.295000,86.655,86.728",
        b'time,note,price,symbol\n2021-01-08T00:00:00Z,"two\nlines, ""quoted""",1.5,BTC-USD\r',
    ],
    "coincap": [
        (
            b'{"data":[{"id":"bitcoin","rank":"1","symbol":"BTC","name":"Bitcoin","marketCapUsd":"1904557171625.0952172577833640",'
            b'"volumeUsd24Hr":"12724040223.1452060699561802","priceUsd":"96243.8957644504882220","changePercent24Hr":"0.9762522061124105"}],'
            b'"timestamp":1735689600123}'
        ),
    ],
    "coingecko-markets": [
        (
            b'[{"id":"bitcoin","symbol":"btc","name":"Bitcoin","current_price":70187,"market_cap":1381651251183,"market_cap_rank":1,'
            b'"total_volume":20154184933,"price_change_percentage_24h":3.12502,"price_change_percentage_1h_in_currency":0.15,'
            b'"price_change_percentage_7d_in_currency":-1.2,"last_updated":"2024-04-07T16:49:31.736Z"}]'
        ),
    ],
    "coinpaprika": [
        (
            b'{"id":"btc-bitcoin","name":"Bitcoin","symbol":"BTC","rank":1,"last_updated":"2025-06-25T10:47:48Z",'
            b'"quotes":{"USD":{"price":107077.69661924685,"volume_24h":23175936198.924427,"market_cap":2129051326372,'
            b'"percent_change_1h":0.31,"percent_change_24h":1.74,"percent_change_7d":2.3}}}'
        ),
    ],
    "polygon": [
        (
            b'[{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"a":0.4352,'
            b'"z":685,"s":1610144640000,"e":1610144700000}]'
        ),
        b'[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328}]',
        (
            b'[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,'
            b'"q":50385480,"z":3}]'
        ),
        b'[{"ev":"status","status":"auth_success","message":"authenticated"}]',
        (
            b'{"ticker":"AAPL","adjusted":true,"status":"OK","results":[{"v":7.0790813e+07,"vw":131.6292,"o":130.465,"c":130.15,"h":133.41,'
            b'"l":129.89,"t":1673240400000,"n":645365}]}'
        ),
    ],
    "polygon-daily": [
        (
            b'{"ticker":"AAPL","adjusted":true,"status":"OK","results":[{"v":7.0790813e+07,"vw":131.6292,"o":130.465,"c":130.15,"h":133.41,'
            b'"l":129.89,"t":1673240400000,"n":645365}],"next_url":"https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1/2?cursor=bGl"}'
        ),
    ],
    "push": [
        (
            b'{"symbol":"BTC-USD","time":"2021-01-08T00:00:00.278Z","price":39432.48,"size":0.000263,"side":"buy","id":"553287559",'
            b'"source":"push"}'
        ),
        b'{"symbol":"BTC-USD","time":1610064000278,"bid":39432.47,"ask":39432.48,"bid_size":1.5,"ask_size":0.2,"source":"push-desk"}',
        b'{"symbol":"AAPL","time":"2021-01-08T14:30:00Z","open":131,"high":132,"low":130.5,"close":131.4,"volume":1200,"vwap":131.2}',
    ],
}
TOKENS = [
    b"",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"1.5",
    b"1e999999999",
    b'"1e999999999"',
    b"NaN",
    b'"NaN"',
    b'"Infinity"',
    b'"-0"',
    b'""',
    b"[]",
    b"{}",
    b'"x"',
    b'"\\u0000"',
    b'"\\ud83d\\ude00"',
    b"1610064000",
    b"99999999999999",
    b"9" * 30,
    b"9" * 5000,
    b'"' + b"9" * 5000 + b'"',
    b"[" * 5000,
    b'{"data":' * 5000,
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\n",
    b"\r",
    b'"',
    b",",
    b'"2021-02-30T00:00:00Z"',
    b'"9999-12-31T23:59:59-12:00"',
    b"zone=Nowhere",
]
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\w.=/+-]+')


def replaced(frame: bytes, at: int, token: bytes) -> bytes:
    """The frame with one of its values (or names) made another."""
    found = list(_VALUE.finditer(frame))
    if not found:
        return token
    spot = found[at % len(found)]
    return frame[: spot.start()] + token + frame[spot.end() :]


CHANGES: dict[str, Callable[[bytes, int, bytes], bytes]] = {
    "replace": replaced,
    "insert": lambda frame, at, token: frame[: at % (len(frame) + 1)] + token + frame[at % (len(frame) + 1) :],
    "cut": lambda frame, at, token: frame[: at % (len(frame) + 1)],
    "drop": lambda frame, at, token: frame[: at % (len(frame) + 1)] + frame[at % (len(frame) + 1) + 1 + len(token) :],
    "flip": lambda frame, at, token: (
        frame[: at % len(frame)] + bytes([frame[at % len(frame)] ^ (1 << at % 8)]) + frame[at % len(frame) + 1 :]
    ),
}


def changed(chance: Random, frames: list[bytes]) -> bytes:
    """One of the frames after one to three changes."""
    frame = chance.choice(frames)
    for _ in range(chance.choice((1, 1, 2, 3))):
        token = chance.choice(TOKENS) if chance.random() < 0.8 else chance.randbytes(chance.randrange(4))
        frame = chance.choice(list(CHANGES.values()))(frame, chance.randrange(1000), token) or b" "
    return frame


def parses_or_rejects(provider: str, payload: bytes) -> None:
    PROVIDERS[provider].native_symbol(payload)
    try:
        found = list(PROVIDERS[provider].parse(payload))
    except Rejected as fault:
        found = [fault]
    for value in found:
        if isinstance(value, Rejected):
            assert 0 < len(value.message) <= 500
            value.message.encode()  # it becomes a header
        else:
            if not isinstance(value, MarketInfo):
                assert isinstance(value, Trade | Quote | IndexPrice | Bar)
                assert row(value)[3] > 0
            numbers = (getattr(value, "sequence", 0), getattr(value, "trade_count", 0))
            if all(number in INT64 for number in numbers):  # the envelope rejects the others (shared/raw.py)
                assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
@settings(max_examples=100, deadline=None)
@given(payload=st.binary(max_size=200))
def test_any_bytes_are_parsed_or_rejected(provider: str, payload: bytes) -> None:
    parses_or_rejects(provider, payload)


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_changed_frame_is_parsed_or_rejected(provider: str, seed: int) -> None:
    chance = Random(seed)
    for _ in range(20):
        parses_or_rejects(provider, changed(chance, FRAMES[provider]))


def test_every_provider_has_frames_here() -> None:
    assert FRAMES.keys() == PROVIDERS.keys()
    for provider, frames in FRAMES.items():
        for frame in frames:
            list(PROVIDERS[provider].parse(frame))


@pytest.mark.parametrize("provider", sorted(TRADE_ROWS))
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_read_fast_is_what_is_parsed(provider: str, seed: int) -> None:
    """The short way may decline any frame, but may take none that `parse` would read otherwise."""
    chance = Random(seed)
    for _ in range(20):
        payload = changed(chance, FRAMES[provider][:1])
        found = TRADE_ROWS[provider](payload)
        if found is not None and found[0] == "BNBBTC":  # a symbol that has been parsed before
            [tick] = PROVIDERS[provider].parse(payload)
            assert isinstance(tick, Trade)
            assert found == (tick.native_symbol, row(tick))


@pytest.mark.parametrize(
    "extra", [b'"a":1.5', b'"u":"x"', b'"b":[]', b'"B":1', b'"A":{}', b'"stream":0', b'"data":{}', b'"id":[]', b'"x":' + b"[" * 5000]
)
def test_a_trade_that_is_not_parsed_is_not_read_fast(extra: bytes) -> None:
    payload = FRAMES["binance"][0][:-1] + b"," + extra + b"}"
    assert TRADE_ROWS["binance"](payload) is None
    assert TRADE_ROWS["binance"](FRAMES["binance"][0]) is not None


_NUMBER = re.compile(rb"-?\d+(\.\d+)?")


@pytest.mark.parametrize("provider", sorted(FRAMES))
@pytest.mark.parametrize("token", [b"18446744073709551616", b"9223372036854775808", b"-9223372036854775809", b"9" * 30])
def test_a_number_that_does_not_fit_64_bits_is_parsed_or_rejected_wherever_it_stands(provider: str, token: bytes) -> None:
    for frame in FRAMES[provider]:
        for spot in _NUMBER.finditer(frame):
            parses_or_rejects(provider, frame[: spot.start()] + token + frame[spot.end() :])
