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
from shared.events import IndexPrice, Quote, Trade
from shared.providers import PROVIDERS, TRADE_ROWS

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
            assert isinstance(value, Trade | Quote | IndexPrice)
            assert row(value)[3] > 0
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
