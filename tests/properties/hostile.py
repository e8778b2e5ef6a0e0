# ruff: noqa: E501, ISC004 messages as they come are long
"""Hostile records for raw topics: bytes of any kind, and messages of venues, rows and events with values replaced by bad ones."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from shared.records import TAPE_PAGE, Row, cloud_event
from shared.topics import MARKET_RAW, OPS_RAW, TRADING_RAW
from tests.fixtures.records import MS, Headers, Kept

MARKET: dict[bytes, tuple[bytes, ...]] = {
    b"binance|BTCUSDT": (
        b'{"e":"trade","E":1610064000000,"s":"BTCUSDT","t":12345,"p":"0.001","q":"100","T":1610064000000,"m":true,"M":true}',
        b'{"u":400900217,"s":"BTCUSDT","b":"25.3519","B":"31.21","a":"25.3652","A":"40.66"}',
        b'[{"symbol":"LTCBTC","price":"4.00000200"},{"symbol":"BTCUSDT","price":"5"}]',
    ),
    b"coinbase|BTC-USD": (
        b'{"type":"match","trade_id":10,"sequence":50,"time":"2021-01-08T00:00:00.5Z","product_id":"BTC-USD","size":"5","price":"4","side":"sell"}',
        b'{"type":"ticker","sequence":3,"product_id":"BTC-USD","best_bid":"14","best_ask":"15","time":"2021-01-08T00:00:00Z"}',
        b'{"data":{"currency":"BTC","rates":{"USD":"67187.33","EUR":"61950.1"}}}',
    ),
    b"kraken|BTC/USD": (
        b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":0.5117,"qty":40.0,"trade_id":46,'
        b'"timestamp":"2021-01-08T00:00:00.708706Z"}]}',
        b'{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":1.5,"bid_qty":740.0,"ask":1.6,"ask_qty":7.0}]}',
        b'{"error":[],"result":{"XXBTZUSD":[["30243.4","0.3",1610064000.827,"b","m","",61044952]],"last":"1"}}',
    ),
    b"polygon": (
        b'[{"ev":"AM","sym":"AAPL","v":1200,"vw":131.2,"o":131,"c":131.4,"h":132,"l":130.5,"s":1610063940000,"e":1610064000000}]',
        b'[{"ev":"T","sym":"AAPL","i":"12345","x":4,"p":131.2,"s":100,"t":1610064000123,"q":3681328}]',
        b'[{"ev":"Q","sym":"AAPL","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"t":1610064000123,"q":5}]',
        b'{"ticker":"AAPL","adjusted":true,"status":"OK","results":[{"v":7.07e+07,"vw":131.6,"o":131,"c":131.4,"h":132,"l":130.5,"t":1610063940000,"n":6}]}',
    ),
    b"coinpaprika": (
        b'[{"id":"btc-bitcoin","name":"Bitcoin","rank":1,"last_updated":"2021-01-08T00:00:00Z","quotes":{"USD":{"price":107077.69,'
        b'"volume_24h":23175936198.9,"market_cap":2129051326372,"percent_change_1h":0.31}}}]',
    ),
    b"coincap": (b'{"timestamp":1610064000000,"data":[{"id":"bitcoin","rank":"1","name":"Bitcoin","priceUsd":"107077.69","volumeUsd24Hr":"2"}]}',),
    b"coingecko": (b'{"bitcoin":{"usd":107077.69,"last_updated_at":1610064000}}',),
    b"coingecko-markets": (b'[{"id":"bitcoin","name":"Bitcoin","current_price":107.69,"market_cap":21,"market_cap_rank":1,"last_updated":"2021-01-08T00:00:00Z"}]',),
    b"push|BTC-USD": (
        b'{"symbol":"BTC-USD","time":"2021-01-08T00:00:00.278Z","price":39432.48,"size":0.000263,"side":"buy","id":"5"}',
        b'{"symbol":"AAPL","time":"2021-01-08T00:00:00Z","open":131,"high":132,"low":130.5,"close":131.4,"volume":1200,"vwap":131.2}',
        b'{"symbol":"BTC-USD","time":1610064000278,"bid":39432.47,"ask":39432.48,"bid_size":1.5,"ask_size":0.2}',
    ),
    b"file|BTC-USD": (b"time,price,size,trade_id,symbol=BTC-USD,zone=UTC\n2021-01-08T00:00:00Z,39432.48,0.5,7", b"time,bid,ask,symbol,zone=America/New_York\n2021-01-08 00:00:00,1.5,2.5,BTC-USD"),
}  # fmt: skip
TRADING = (
    b"order_id,symbol,side,quantity,limit_price,timestamp,destination,action,file=orders,zone=UTC\nO1,AAPL,buy,500,190.25,2021-01-08T00:00:00.120000Z,XNAS,new",
    b"trade_id,order_id,symbol,side,exec_quantity,exec_price,exec_timestamp,destination,action_timestamp,file=trades,zone=UTC\nT1,O1,AAPL,buy,5,190.25,1610064000,XNAS,",
    b"symbol,bid,ask,timestamp,file=nbbo,zone=UTC\nAAPL,1.5,1.6,2021-01-08T00:00:00.000001Z",
)  # fmt: skip
EVENTS = (
    b'{"event_id":"e1","timestamp":"2021-01-08T00:00:00Z","service":"s","event_type":"r","latency_ms":5.5,"status_code":200,"user_id":"u","x":[1]}',
    b'{"event_id":"e2","timestamp":"Fri, 08 Jan 2021 00:00:00 GMT","service":"s","event_type":"r","schema_version":2,"duration_us":1500,"region":"eu"}',
    b"event_id,timestamp,service,event_type\ne3,1610064000000,s,r",
)  # fmt: skip
CONTROLS = {
    "heartbeat": b'{"source":"binance","epoch":1,"received":5}',
    "closed": b'{"source":"binance","epoch":1}',
    "connection": b'{"source":"binance","epoch":1,"state":"connected","reason":"x"}',
    "marker": b'{"kind":"marker","run":"prices-1","topic":"market.raw.v1","partitions":[0],"status":"finished","sent":1}',
    "later": b"{}",
}
BAD = (
    b"9223372036854775808", b"18446744073709551616", b"-1", b"1e400", b"1e-999999999", b"9E+999999", b"0e999999999", b"null", b'"\\u0000"', b'"\\ud800"', b"[]", b"{}",
    b"true", b'"' + b"9" * 70 + b'"', b"0", b'""', b'"NaN"', b'"sNaN"', b'"Infinity"', b'"-Infinity"', b'"\xff"', b'"a\xd6"', b"NaN", b'"1e9999999999999999999"', b"1_0",
    b"1." + b"1" * 5000, b'"x' + b" " * 64_000 + b'x"', b"[" * 3000, b'{"a":' * 200, b"9999-12-31T23:59:59.999999Z", b"0001-01-01T00:00:00Z", b'"2021-01-08\\u000000:00:00Z"',
    "Ⅷ".encode(), b'"\xe2\x80\xa8"', b'"' + b"A" * 100_000 + b'"', b"cancel", b"buy", b"\x1c", b"\x00",
)  # fmt: skip
_VALUES = re.compile(rb'(?<=[:,\[\n])\s*("[^"]*"|[^,:"\[\]{}\n]+)')


@st.composite
def mutated(draw: st.DrawFn, seed: bytes) -> bytes:
    """The message with some of its values replaced, or some bytes."""
    for _ in range(draw(st.integers(0, 3))):
        spans = [found.span(1) for found in _VALUES.finditer(seed[:4000])]
        by_value = draw(st.sampled_from((True, True, True, False)))
        if spans and by_value:
            start, end = draw(st.sampled_from(spans))
            seed = seed[:start] + draw(st.sampled_from(BAD)) + seed[end:]
        else:
            at = draw(st.integers(0, len(seed)))
            seed = seed[:at] + draw(st.binary(max_size=3)) + seed[at + draw(st.integers(0, 3)) :]
    return seed


def stamps() -> st.SearchStrategy[int]:
    """Mostly times of one minute; else any that a record can have."""
    near = st.integers(MS - 1000, MS + 120_000)
    return st.one_of(near, near, near, st.sampled_from((0, -1, 1, MS + 3_600_000, 2**63 - 1, -(2**63))), st.integers(-(2**63), 2**63 - 1))


def headers() -> st.SearchStrategy[Headers]:
    """None, a row's, a page's, or any."""
    name = st.sampled_from(("run", "ce_type", "error_reason", "error_counts", "origin", "x", "")) | st.text(max_size=5)
    some = st.lists(st.tuples(name, st.binary(max_size=30)), max_size=4).map(tuple)
    runs = st.sampled_from(("prices-1", "frames-1", "events-1", "orders-1", "daily-1"))
    row = st.builds(lambda run, line: (Row(run, line, 0).header(),), runs, st.integers(0, 10**18 - 1))
    return st.one_of(st.just(()), st.just(()), row, st.just((("ce_type", TAPE_PAGE),)), some)


@st.composite
def record(draw: st.DrawFn, topic: str, offset: int) -> Kept:
    """One record of a raw topic."""
    stamp = draw(stamps())
    shape = draw(st.integers(0, 9))
    if shape == 0:
        anything = st.none() | st.binary(max_size=60)
        return Kept(offset, stamp, draw(anything), draw(anything), draw(headers()))
    if shape == 1:
        kind = draw(st.sampled_from(sorted(CONTROLS)))
        said = cloud_event(kind, source="binance", subject="binance", event_id="1", time_us=MS * 1000)
        return Kept(offset, stamp, b"binance", draw(mutated(CONTROLS[kind])), tuple(said))
    if topic == MARKET_RAW.name:
        key = draw(st.sampled_from(sorted(MARKET)))
        seed = draw(st.sampled_from(MARKET[key]))
        if key.startswith(b"file"):
            return Kept(offset, stamp, key, draw(mutated(seed)), (Row("prices-1", offset + 1, 0).header(),))
        return Kept(offset, stamp, key, draw(mutated(seed)), draw(headers()))
    if topic == TRADING_RAW.name:
        row = (Row("orders-1", offset + 1, 0).header(),) if draw(st.booleans()) else draw(headers())
        return Kept(offset, stamp, b"AAPL", draw(mutated(draw(st.sampled_from(TRADING)))), row)
    return Kept(offset, stamp, b"s", draw(mutated(draw(st.sampled_from(EVENTS)))), draw(headers()))


@st.composite
def log(draw: st.DrawFn, topic: str, most: int = 12) -> list[Kept]:
    """Records of one partition, hostile ones among good ones."""
    return [draw(record(topic, offset)) for offset in range(draw(st.integers(1, most)))]


RAW = (MARKET_RAW.name, TRADING_RAW.name, OPS_RAW.name)
