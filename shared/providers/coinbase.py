"""Coinbase Exchange WebSocket feed: matches (trades) and ticker (quotes). Prices are strings, times ISO-8601.

Match:  {"type":"match","trade_id":10,"maker_order_id":"ac92…","taker_order_id":"132f…","side":"sell","size":"5.23512","price":"400.23",
         "product_id":"BTC-USD","sequence":50,"time":"2014-11-07T08:19:27.028459Z"}
Ticker: {"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775","open_24h":"14.6647","volume_24h":"94381.28",
         "best_bid":"14.7550","best_ask":"14.8060","side":"buy","time":"2021-04-17T16:43:30.244075Z","trade_id":881613,"last_size":"0.04"}

Rates:  {"data":{"currency":"BTC","rates":{"USD":"67187.33","EUR":"61950.1"}}} (exchange rates, REST)

A match's `side` is the maker's, so the aggressor's is the other one. `last_match` is the newest match before the subscription.
"""

import re
from collections.abc import Sequence

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import IndexPrice, Quote, Tick, Trade
from shared.frames import FAULTS, rejected
from shared.providers.venue import Budget, Opening
from shared.symbols import canonical, dashed
from shared.time import from_iso

WEBSOCKET = "wss://ws-feed.exchange.coinbase.com"
REST = "https://api.coinbase.com"
CHANNELS = ("matches", "ticker")
BUDGET = Budget(600, 60)
QUOTE = "USD"
_IGNORED = frozenset({"subscriptions", "heartbeat", "l2update", "snapshot", "status", "received", "open", "done", "change", "activate"})
# Of the hundreds of rates in a response these are kept.
QUOTED = ("USD", "EUR", "GBP", "USDT", "USDC")
_SYMBOL = re.compile(rb'"product_id":\s*"([A-Za-z0-9-]{1,40})"')


class _Rates(msgspec.Struct, gc=False):
    currency: str
    rates: dict[str, str]


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
    data: _Rates | None = None


_decode = msgspec.json.Decoder(_Frame).decode


def parse(payload: bytes) -> Sequence[Tick | Rejected]:
    """Trades and quotes of one frame, or rates of a response; none for control frames and channels not taken. Raises `Rejected`."""
    try:
        frame = _decode(payload)
    except FAULTS as fault:
        raise rejected("coinbase frame", fault) from None
    if frame.type in ("match", "last_match"):
        return [_trade(frame)]
    if frame.type == "ticker":
        return [_quote(frame)]
    if frame.data is not None and not frame.type:
        return _rates(frame.data)
    if frame.type in _IGNORED:
        return []
    if frame.type == "error":
        raise Rejected("unknown_type", f"coinbase error: {frame.message[:200]}")
    raise Rejected("unknown_type", f"coinbase frame with type={frame.type[:40]!r}")


def native_symbol(payload: bytes) -> str:
    """The `product_id` of a frame."""
    found = _SYMBOL.search(payload)
    return found[1].decode() if found else ""


def native(symbol: str) -> str:
    """The venue's spelling is the canonical one."""
    return symbol


def stream(base: str, symbols: Sequence[str], channels: Sequence[str]) -> Opening:
    """One connection, one subscription; the venue's heartbeats tell that the connection lives."""
    asked = {"type": "subscribe", "product_ids": list(symbols), "channels": [*channels, "heartbeat"]}
    return Opening(base, (msgspec.json.encode(asked),))


def authorized(key: str, base: str) -> dict[str, str]:
    """None: exchange rates take no key."""
    return {}


def together(count: int) -> int:
    """One."""
    return 1


def requests(base: str, symbols: Sequence[str]) -> list[str]:
    """The exchange rates of each base currency: asked this way round the price is given, not divided."""
    return [f"{base}/v2/exchange-rates?currency={currency}" for currency in sorted({symbol.partition("-")[0] for symbol in symbols})]


def _rates(rates: _Rates) -> list[Tick | Rejected]:
    return [_rate(rates.currency, currency, rate) for currency, rate in rates.rates.items() if currency in QUOTED]


def _rate(base: str, currency: str, rate: str) -> Tick | Rejected:
    try:
        symbol = canonical(f"{base}-{currency}")
        return IndexPrice(symbol, f"{base}-{currency}", 0, money.price(rate, f"rates.{currency}"))
    except Rejected as fault:
        return fault


def _trade(frame: _Frame) -> Trade:
    try:
        return _good(frame)
    except Rejected as fault:
        raise (fault if frame.trade_id is None else fault.of_trade(frame.product_id, frame.trade_id)) from None


def _good(frame: _Frame) -> Trade:
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
