"""Kraken WebSocket v2: trades and ticker. Prices are JSON numbers, times ISO-8601; a frame may hold several values.

Trade:  {"channel":"trade","type":"update","data":[{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0,"ord_type":"market",
         "trade_id":4665906,"timestamp":"2023-09-25T07:49:37.708706Z"}]}
Ticker: {"channel":"ticker","type":"update","data":[{"symbol":"ALGO/USD","bid":0.10025,"bid_qty":740.0,"ask":0.10035,"ask_qty":740.0,
         "last":0.10035,"volume":997038.98383185,"vwap":0.10148,"low":0.09979,"high":0.10285,"change":-0.00017,"change_pct":-0.17}]}

A trade's `side` is the taker's. Acknowledgements and status, heartbeat and pong frames carry no market data.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Quote, Side, Tick, Trade
from shared.frames import FAULTS, rejected
from shared.providers.venue import Opening
from shared.symbols import dashed
from shared.time import from_iso

WEBSOCKET = "wss://ws.kraken.com"
CHANNELS = ("trade", "ticker")
_IGNORED = frozenset({"status", "heartbeat", "book", "ohlc", "instrument", "level3", "executions", "balances"})
_SYMBOL = re.compile(rb'"symbol":\s*"([A-Za-z0-9/.]{1,40})"')


class _Value(msgspec.Struct, gc=False):
    symbol: str = ""
    side: str = ""
    price: Decimal | None = None
    qty: Decimal | None = None
    trade_id: int | None = None
    timestamp: str | None = None
    bid: Decimal | None = None
    bid_qty: Decimal | None = None
    ask: Decimal | None = None
    ask_qty: Decimal | None = None


class _Plain(msgspec.Struct, gc=False):
    """A trade and nothing that `_Value` would refuse."""

    symbol: str
    side: Side
    price: msgspec.Raw
    qty: msgspec.Raw
    trade_id: int
    timestamp: str


class _PlainFrame(msgspec.Struct, gc=False):
    channel: Literal["trade"]
    data: list[_Plain]
    method: str = ""


class _Frame(msgspec.Struct, gc=False):
    channel: str = ""
    method: str = ""
    data: list[msgspec.Raw] | None = None


_decode_plain = msgspec.json.Decoder(_PlainFrame).decode
_decode = msgspec.json.Decoder(_Frame).decode
_decode_value = msgspec.json.Decoder(_Value).decode


def parse(payload: bytes) -> list[Tick | Rejected]:
    """Trades and quotes of one frame, or why one of them is none; empty for control frames. Raises `Rejected` for the whole."""
    try:  # most frames, a third of the way
        return [_plain(*msgspec.structs.astuple(value)) for value in _decode_plain(payload).data]
    except (*FAULTS, ValueError, Rejected):
        return _thoroughly(payload)


def _thoroughly(payload: bytes) -> list[Tick | Rejected]:
    """The same of any frame, value by value."""
    try:
        frame = _decode(payload)
    except FAULTS as fault:
        raise rejected("kraken frame", fault) from None
    if frame.channel in ("trade", "ticker") and frame.data is not None:
        read = _trade if frame.channel == "trade" else _quote
        return [_value(raw, read) for raw in frame.data]
    if frame.method or frame.channel in _IGNORED:
        return []
    raise Rejected("unknown_type", f"kraken frame with channel={frame.channel[:40]!r}")


def native_symbol(payload: bytes) -> str:
    """The first `symbol` of a frame."""
    found = _SYMBOL.search(payload)
    return found[1].decode() if found else ""


def native(symbol: str) -> str:
    """`BTC-USD` to `BTC/USD`."""
    return symbol.replace("-", "/")


def stream(base: str, symbols: Sequence[str], channels: Sequence[str]) -> Opening:
    """One connection, one subscription a channel."""
    params = [{"channel": channel, "symbol": [native(symbol) for symbol in symbols], "snapshot": False} for channel in channels]
    return Opening(f"{base}/v2", tuple(msgspec.json.encode({"method": "subscribe", "params": given}) for given in params))


def _value(raw: msgspec.Raw, read: Callable[[_Value], Tick]) -> Tick | Rejected:
    try:
        return read(_decode_value(raw))
    except FAULTS as fault:
        return rejected("kraken value", fault)
    except Rejected as fault:
        return fault


def _trade(value: _Value) -> Trade:
    try:
        return _good(value)
    except Rejected as fault:
        raise (fault if value.trade_id is None else fault.of_trade(value.symbol, value.trade_id)) from None


def _plain(symbol: str, side: Side, price: msgspec.Raw, qty: msgspec.Raw, trade_id: int, timestamp: str) -> Trade:
    """Raises for whatever is not plain."""
    values = money.positive(bytes(price).decode()), money.positive(bytes(qty).decode())
    return Trade(dashed(symbol), symbol, from_iso(timestamp), *values, side, str(trade_id), trade_id)


def _good(value: _Value) -> Trade:
    if value.trade_id is None or value.price is None or value.qty is None or value.timestamp is None:
        raise Rejected("missing_field", f"kraken trade without {_missing(value, 'trade_id', 'price', 'qty', 'timestamp')}")
    if value.side not in ("buy", "sell"):
        raise Rejected("bad_side", f"side {value.side[:40]!r} is neither buy nor sell")
    return Trade(
        dashed(value.symbol),
        value.symbol,
        from_iso(value.timestamp),
        money.price(str(value.price), "price"),
        money.size(str(value.qty), "qty"),
        "buy" if value.side == "buy" else "sell",
        str(value.trade_id),
        value.trade_id,
    )


def _quote(value: _Value) -> Quote:
    if value.bid is None or value.ask is None:
        raise Rejected("missing_field", f"kraken ticker without {_missing(value, 'bid', 'ask')}")
    return Quote(
        dashed(value.symbol),
        value.symbol,
        from_iso(value.timestamp) if value.timestamp else 0,
        money.price(str(value.bid), "bid"),
        money.price(str(value.ask), "ask"),
        money.quote_size(None if value.bid_qty is None else str(value.bid_qty), "bid_qty"),
        money.quote_size(None if value.ask_qty is None else str(value.ask_qty), "ask_qty"),
    )


def _missing(value: _Value, *names: str) -> str:
    return next(name for name in names if getattr(value, name) is None)
