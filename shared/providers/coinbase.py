"""Coinbase Exchange WebSocket feed: matches (trades) and ticker (quotes). Prices are strings, times ISO-8601.

Match:  {"type":"match","trade_id":10,"maker_order_id":"ac92…","taker_order_id":"132f…","side":"sell","size":"5.23512","price":"400.23",
         "product_id":"BTC-USD","sequence":50,"time":"2014-11-07T08:19:27.028459Z"}
Ticker: {"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775","open_24h":"14.6647","volume_24h":"94381.28",
         "best_bid":"14.7550","best_ask":"14.8060","side":"buy","time":"2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04"}

A match's `side` is the maker's, so the aggressor's is the other one. `last_match` is the newest match before the subscription.
"""

import re

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Quote, Tick, Trade
from shared.frames import FAULTS, rejected
from shared.symbols import dashed
from shared.time import from_iso

_IGNORED = frozenset({"subscriptions", "heartbeat", "l2update", "snapshot", "status", "received", "open", "done", "change", "activate"})
_SYMBOL = re.compile(rb'"product_id":\s*"([A-Za-z0-9-]{1,40})"')


class _Frame(msgspec.Struct, gc=False):
    type: str = ""
    product_id: str = ""
    trade_id: int | None = None
    side: str = ""
    size: str | None = None
    price: str | None = None
    sequence: int = 0
    time: str | None = None
    best_bid: str | None = None
    best_ask: str | None = None
    best_bid_size: str | None = None
    best_ask_size: str | None = None
    message: str = ""


_decode = msgspec.json.Decoder(_Frame).decode


def parse(payload: bytes) -> list[Tick]:
    """Trades and quotes of one frame; none for control frames and channels not taken. Raises `Rejected`."""
    try:
        frame = _decode(payload)
    except FAULTS as fault:
        raise rejected("coinbase frame", fault) from None
    if frame.type in ("match", "last_match"):
        return [_trade(frame)]
    if frame.type == "ticker":
        return [_quote(frame)]
    if frame.type in _IGNORED:
        return []
    if frame.type == "error":
        raise Rejected("unknown_type", f"coinbase error: {frame.message[:200]}")
    raise Rejected("unknown_type", f"coinbase frame with type={frame.type[:40]!r}")


def native_symbol(payload: bytes) -> str:
    """The `product_id` of a frame."""
    found = _SYMBOL.search(payload)
    return found[1].decode() if found else ""


def _trade(frame: _Frame) -> Trade:
    if frame.trade_id is None or frame.price is None or frame.size is None or frame.time is None:
        raise Rejected("missing_field", f"coinbase {frame.type} without {_missing(frame, 'trade_id', 'price', 'size', 'time')}")
    if frame.side not in ("buy", "sell"):
        raise Rejected("bad_side", f"side {frame.side[:40]!r} is neither buy nor sell")
    return Trade(
        dashed(frame.product_id),
        frame.product_id,
        from_iso(frame.time),
        money.price(frame.price, "price"),
        money.size(frame.size, "size"),
        "buy" if frame.side == "sell" else "sell",
        str(frame.trade_id),
        frame.trade_id,
    )


def _quote(frame: _Frame) -> Quote:
    if frame.best_bid is None or frame.best_ask is None:
        raise Rejected("missing_field", f"coinbase ticker without {_missing(frame, 'best_bid', 'best_ask')}")
    return Quote(
        dashed(frame.product_id),
        frame.product_id,
        from_iso(frame.time) if frame.time else 0,
        money.price(frame.best_bid, "best_bid"),
        money.price(frame.best_ask, "best_ask"),
        money.quote_size(frame.best_bid_size, "best_bid_size"),
        money.quote_size(frame.best_ask_size, "best_ask_size"),
        sequence=frame.sequence,
    )


def _missing(frame: _Frame, *names: str) -> str:
    return next(name for name in names if getattr(frame, name) is None)
