"""Binance spot market streams, single or combined. Prices and sizes are strings, times milliseconds.

Trade:      {"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}
Aggregate:  {"stream":"nknusdt@aggTrade","data":{"e":"aggTrade","E":1633998523963,"s":"NKNUSDT","a":15683430,"p":"0.35280000",
             "q":"58.00000000","f":19862790,"l":19862790,"T":1633998523963,"m":false,"M":true}}
Book:       {"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}

Prices:     [{"symbol":"LTCBTC","price":"4.00000200"}] (ticker price, REST)

`m` says that the buyer was the maker, so the aggressor sold. bookTicker frames carry no time. Trade ids and aggregate ids are different
numberings: a source takes one of the two streams.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from shared import money
from shared.aggregations.candles import Row
from shared.errors import Rejected
from shared.events import IndexPrice, Quote, Side, Tick, Trade
from shared.frames import FAULTS, rejected
from shared.money import positive
from shared.providers.venue import Budget, Opening
from shared.symbols import split_concatenated
from shared.time import EARLIEST, LATEST, from_ms

WEBSOCKET = "wss://stream.binance.com:9443"
REST = "https://api.binance.com"
CHANNELS = ("trade", "aggTrade", "bookTicker")
BUDGET = Budget(600, 60)
QUOTE = "USDT"  # the venue trades against tethers
# Types that a connection may carry besides the ones taken here.
_IGNORED = frozenset({"kline", "depthUpdate", "24hrTicker", "24hrMiniTicker", "avgPrice", "1hTicker", "4hTicker", "1dTicker"})
_SYMBOL = re.compile(rb'"s":\s*"([A-Za-z0-9_]{1,40})"')


class _Frame(msgspec.Struct, gc=False):
    e: str = ""
    s: str = ""
    t: int | None = None
    a: int | str | None = None
    p: str | None = None
    q: str | None = None
    T: int | None = None
    m: bool | None = None
    u: int | None = None
    b: int | str | None = None
    B: str | None = None
    A: str | None = None
    stream: str = ""
    data: "_Frame | None" = None
    id: int | str | None = None
    result: msgspec.Raw | None = None


class _Trade(msgspec.Struct, gc=False):
    """A trade and nothing besides that `_Frame` would refuse: whether `parse` takes a frame may not depend on who reads it first."""

    e: Literal["trade"]
    s: str
    t: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    p: str
    q: str
    T: Annotated[int, msgspec.Meta(ge=EARLIEST // 1000, lt=LATEST // 1000)]
    m: bool
    a: int | str | None = None
    u: int | None = None
    b: int | str | None = None
    B: str | None = None
    A: str | None = None
    stream: str = ""
    data: None = None
    id: int | str | None = None


class _Price(msgspec.Struct, gc=False):
    symbol: str
    price: str


class _Type(msgspec.Struct, gc=False):
    e: str = ""
    stream: str = ""
    data: "_Type | None" = None


_decode = msgspec.json.Decoder(_Frame).decode
_decode_trade = msgspec.json.Decoder(_Trade).decode
_decode_prices = msgspec.json.Decoder(list[_Price]).decode
_decode_type = msgspec.json.Decoder(_Type).decode


def parse(payload: bytes) -> Sequence[Tick | Rejected]:
    """Trades and quotes of one frame, or the prices of a response; none for control frames and types not taken. Raises `Rejected`."""
    if payload.startswith((b"[", b'{"symbol"')):
        return _prices(payload)
    try:
        frame = _decode(payload)
    except FAULTS as fault:
        if _ignored(payload):
            return []
        raise rejected("binance frame", fault) from None
    frame = frame.data or frame
    if frame.e == "trade":
        return [_trade(frame, frame.t, "t")]
    if frame.e == "aggTrade":
        return [_trade(frame, frame.a, "a")]
    if not frame.e and frame.u is not None:
        return [_quote(frame, frame.u)]
    if frame.e in _IGNORED or (not frame.e and (frame.id is not None or frame.result is not None)):
        return []
    raise Rejected("unknown_type", f"binance frame with e={frame.e[:40]!r}")


def trade_row(payload: bytes) -> tuple[str, Row] | None:
    """The native symbol and the candle row of a plain trade frame; None for anything else, which `parse` takes."""
    try:
        frame = _decode_trade(payload)
        side: Side = "sell" if frame.m else "buy"
        return frame.s, (frame.T * 1000, frame.t, str(frame.t), positive(frame.p), positive(frame.q), side)
    except (ValueError, RecursionError):  # the first msgspec's and positive's
        return None


def native(symbol: str) -> str:
    """`BTC-USDT` to `BTCUSDT`."""
    return symbol.replace("-", "")


def stream(base: str, symbols: Sequence[str], channels: Sequence[str]) -> Opening:
    """A raw connection with one subscription: its frames are not wrapped."""
    names = [f"{native(symbol).lower()}@{channel}" for symbol in symbols for channel in channels]
    return Opening(f"{base}/ws", (msgspec.json.encode({"method": "SUBSCRIBE", "params": names, "id": 1}),))


def authorized(key: str, base: str) -> dict[str, str]:
    """The header of a key."""
    return {"X-MBX-APIKEY": key}


def together(count: int) -> int:
    """One: an unknown symbol would fail the whole request."""
    return 1


def requests(base: str, symbols: Sequence[str]) -> list[str]:
    """The newest price of each symbol, in one request."""
    names = msgspec.json.encode([native(symbol) for symbol in symbols]).decode()
    return [f"{base}/api/v3/ticker/price?symbols={quote(names)}"]


def _prices(payload: bytes) -> list[Tick | Rejected]:
    try:
        found = _decode_prices(payload if payload[:1] == b"[" else b"[" + payload + b"]")
    except FAULTS as fault:
        raise rejected("binance prices", fault) from None
    return [_index(price) for price in found]


def _index(given: _Price) -> Tick | Rejected:
    try:
        return IndexPrice(split_concatenated(given.symbol), given.symbol, 0, money.price(given.price, "price"))
    except Rejected as fault:
        return fault


def _ignored(payload: bytes) -> bool:
    """Whether the frame is of a type not taken, whose fields may have other shapes."""
    try:
        frame = _decode_type(payload)
    except FAULTS:
        return False
    return (frame.data or frame).e in _IGNORED or "@depth" in frame.stream


def native_symbol(payload: bytes) -> str:
    """The `s` of a frame."""
    found = _SYMBOL.search(payload)
    return found[1].decode() if found else ""


def _trade(frame: _Frame, number: int | str | None, field: str) -> Trade:
    if number is None or frame.p is None or frame.q is None or frame.T is None or frame.m is None:
        given = ((field, number), ("p", frame.p), ("q", frame.q), ("T", frame.T), ("m", frame.m))
        raise Rejected("missing_field", f"binance {frame.e} without {next(name for name, value in given if value is None)}")
    if isinstance(number, str):
        raise Rejected("malformed", f"binance {frame.e}: {field} {number[:80]!r} is not an integer")
    at = 0
    try:
        at = from_ms(frame.T, "T")
        values = money.price(frame.p, "p"), money.size(frame.q, "q")
        side: Side = "sell" if frame.m else "buy"
        return Trade(split_concatenated(frame.s), frame.s, at, *values, side, str(number), number)
    except Rejected as fault:
        raise fault.of_trade(frame.s, number, at) from None


def _quote(frame: _Frame, update: int) -> Quote:
    if not (isinstance(frame.b, str) and isinstance(frame.a, str)):
        raise Rejected("missing_field", "binance bookTicker without b or a")
    return Quote(
        split_concatenated(frame.s),
        frame.s,
        from_ms(frame.T, "T") if frame.T is not None else 0,
        money.price(frame.b, "b"),
        money.price(frame.a, "a"),
        money.quote_size(frame.B, "B"),
        money.quote_size(frame.A, "A"),
        sequence=update,
    )
