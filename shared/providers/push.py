"""Ticks that users push, one JSON object each; what it holds says what it is.

{"symbol":"BTC-USD","time":"2021-01-08T00:00:00.278Z","price":39432.48,"size":0.000263,"side":"buy","id":"553287559"}       a trade
{"symbol":"BTC-USD","time":1610064000278,"bid":39432.47,"ask":39432.48,"bid_size":1.5,"ask_size":0.2}                      a quote
{"symbol":"BTC-USD","time":"2021-01-08T00:00:00Z","price":"39432.48"}                                                     an index price
{"symbol":"AAPL","time":"2021-01-08T14:30:00Z","open":131,"high":132,"low":130.5,"close":131.4,"volume":1200,"vwap":131.2}  a minute's bar

Numbers are JSON numbers or strings, with all their digits; a time is ISO-8601 (UTC where it names no zone) or Unix ms. `source` is `push`
or begins with `push-`. Without an `id` the values are the identity: the same object again is the same tick.
"""

import re
from decimal import Decimal
from typing import Literal

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Bar, IndexPrice, Quote, Side, Tick, Trade
from shared.frames import FAULTS, rejected
from shared.symbols import canonical
from shared.time import MINUTE, from_iso, from_ms

FIELDS = tuple(
    "source symbol time price size side id sequence bid ask bid_size ask_size open high low close volume vwap trade_count".split()
)
_SOURCE = re.compile(r"push(-[a-z0-9][a-z0-9-]{0,58})?")
_NONE = msgspec.Raw(b"null")


class _Tick(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    symbol: str
    time: str | int
    source: str = "push"
    id: str = ""
    sequence: int = 0
    side: Literal["buy", "sell"] | None = None
    trade_count: int = 0
    price: msgspec.Raw = _NONE
    size: msgspec.Raw = _NONE
    bid: msgspec.Raw = _NONE
    ask: msgspec.Raw = _NONE
    bid_size: msgspec.Raw = _NONE
    ask_size: msgspec.Raw = _NONE
    open: msgspec.Raw = _NONE
    high: msgspec.Raw = _NONE
    low: msgspec.Raw = _NONE
    close: msgspec.Raw = _NONE
    volume: msgspec.Raw = _NONE
    vwap: msgspec.Raw = _NONE


_decode = msgspec.json.Decoder(_Tick).decode
_text = msgspec.json.Decoder(str).decode


def parse(payload: bytes) -> list[Tick]:
    """The tick of an object; raises `Rejected`."""
    return [read(payload)[1]]


def read(payload: bytes) -> tuple[str, Tick]:
    """The source that an object names, and its tick; raises `Rejected`."""
    try:
        given = _decode(payload)
    except FAULTS as fault:
        raise rejected("pushed tick", fault) from None
    if not _SOURCE.fullmatch(given.source):
        raise Rejected("unknown_source", f"source {given.source[:80]!r} is neither `push` nor begins with `push-`")
    return given.source, _tick(given)


def native_symbol(payload: bytes) -> str:
    """The symbol as it was pushed."""
    try:
        return _decode(payload).symbol[:64]
    except FAULTS:
        return ""


def _tick(g: _Tick) -> Tick:
    at = from_ms(g.time, "time") if isinstance(g.time, int) else from_iso(g.time)
    symbol = canonical(g.symbol)
    named = (symbol, g.symbol, at)
    if _has(g.bid) or _has(g.ask):
        sizes = money.quote_size(_number(g.bid_size, "bid_size"), "bid_size"), money.quote_size(_number(g.ask_size, "ask_size"), "ask_size")
        return Quote(*named, _price(g.bid, "bid"), _price(g.ask, "ask"), *sizes, g.id, g.sequence)
    if _has(g.open) or _has(g.close):
        return _bar(g, named)
    price = _price(g.price, "price")
    if not _has(g.size):
        return IndexPrice(*named, price, g.id, g.sequence)
    side: Side | None = g.side
    return Trade(*named, price, money.size(_number(g.size, "size") or "", "size"), side, g.id, g.sequence)


def _bar(g: _Tick, named: tuple[str, str, int]) -> Bar:
    opened, high, low, close = (_price(raw, name) for raw, name in ((g.open, "open"), (g.high, "high"), (g.low, "low"), (g.close, "close")))
    if not (low <= opened <= high and low <= close <= high):
        raise Rejected("bad_price", f"a bar has open {opened} high {high} low {low} close {close}")
    volume = money.quote_size(_number(g.volume, "volume"), "volume") or money.ZERO
    vwap = _price(g.vwap, "vwap") if _has(g.vwap) else None
    if not 0 <= g.trade_count < 2**63:
        raise Rejected("malformed", f"trade_count {g.trade_count} is negative or does not fit 64 bits")
    return Bar(*named, MINUTE, opened, high, low, close, volume, vwap, g.trade_count)


def _price(raw: msgspec.Raw, field: str) -> Decimal:
    text = _number(raw, field)
    if text is None:
        raise Rejected("missing_field", f"a pushed tick has no {field}")
    return money.price(text, field)


def _has(raw: msgspec.Raw) -> bool:
    return bytes(raw) != b"null"


def _number(raw: msgspec.Raw, field: str) -> str | None:
    """A number's digits as they were sent; None for null."""
    text = bytes(raw)
    if text == b"null":
        return None
    if text[:1] in b"{[tf":
        raise Rejected("malformed", f"{field} {text[:40]!r} is no number")
    try:
        return _text(text)[:80] if text[:1] == b'"' else text.decode()
    except FAULTS as fault:
        raise rejected(field, fault) from None
