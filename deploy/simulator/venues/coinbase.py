"""Coinbase Exchange: one feed at /, REST under /products (the exchange) and /v2 (the exchange rates).

Match:  {"type":"match","trade_id":10,"maker_order_id":"…","taker_order_id":"…","side":"sell","size":"5.23512","price":"400.23",
         "product_id":"BTC-USD","sequence":50,"time":"2014-11-07T08:19:27.028459Z"}

Invariant: `side` is the maker's; trade ids have no holes, sequences have (orders share their numbering).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from deploy.simulator.limits import SECOND, Limit
from deploy.simulator.market import Market, Trade
from deploy.simulator.spelling import iso
from deploy.simulator.venue import Answer, Book, Feed, Request, Session, Stream, Venue

CHANNELS = ("matches", "ticker", "heartbeat")
PAGE = 1000


def native(symbol: str) -> str:
    """`BTC-USD` itself."""
    return symbol


def _sequence(market: Market, trade: Trade) -> int:
    """A match takes the third number after an order's `received` and its `open`."""
    return market.first_id * 11 + 3 * (trade.id - market.first_id)


def _order(market: Market, trade: Trade, digit: int) -> bytes:
    return b"%08x-%04x-4000-8000-%012x" % (market.first_id & 0xFFFFFFFF, digit, trade.id)


def _matched(kind: bytes, market: Market, trade: Trade) -> bytes:
    return (
        b'{"type":"%s","trade_id":%d,"maker_order_id":"%s","taker_order_id":"%s","side":"%s","size":"%s","price":"%s",'
        b'"product_id":"%s","sequence":%d,"time":"%s"}'
    ) % (
        kind,
        trade.id,
        _order(market, trade, 1),
        _order(market, trade, 2),
        b"sell" if trade.is_buy else b"buy",
        market.size(trade.size),
        market.price(trade.price),
        market.name,
        _sequence(market, trade),
        iso(trade.at),
    )


def _match(market: Market, trade: Trade) -> bytes:
    return _matched(b"match", market, trade)


def _ticker(market: Market, trade: Trade) -> bytes:
    volume, first = market.size(market.volume), market.price(market.listing.start)
    return (
        b'{"type":"ticker","sequence":%d,"product_id":"%s","price":"%s","open_24h":"%s","volume_24h":"%s","low_24h":"%s","high_24h":"%s",'
        b'"volume_30d":"%s","best_bid":"%s","best_bid_size":"%s","best_ask":"%s","best_ask_size":"%s","side":"%s","time":"%s",'
        b'"trade_id":%d,"last_size":"%s"}'
    ) % (
        _sequence(market, trade),
        market.name,
        market.price(trade.price),
        first,
        volume,
        market.price(market.low),
        market.price(market.high),
        volume,
        market.price(trade.bid),
        market.size(trade.bid_size),
        market.price(trade.ask),
        market.size(trade.ask_size),
        b"buy" if trade.is_buy else b"sell",
        iso(trade.at),
        trade.id,
        market.size(trade.size),
    )


def _opened(path: str, query: Mapping[str, str], session: Session, book: Book, now: int) -> list[bytes] | None:
    return None if path.strip("/") else []


def _received(message: bytes, session: Session, book: Book, now: int) -> list[bytes]:
    try:
        request: Any = msgspec.json.decode(message)
        kind, streams = request["type"], set(_streams(request))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as fault:
        return [_error("Malformed JSON", str(fault))]
    if kind not in ("subscribe", "unsubscribe"):
        return [_error("Malformed JSON", f"{kind} is not a valid type")]
    unknown = sorted({s.symbol for s in streams if s.symbol not in book} | {s.channel for s in streams if s.channel not in CHANNELS})
    if unknown:
        return [_error("Failed to subscribe", f"{name} is not a valid product or channel") for name in unknown]
    if kind == "unsubscribe":
        session.streams -= streams
        return [_subscriptions(session)]
    new = sorted(streams - session.streams)
    session.streams |= streams
    return [_subscriptions(session), *(_first(stream, book[stream.symbol], session) for stream in new)]


def _streams(request: Any) -> Iterable[Stream]:
    """Channels are names, or objects with products of their own."""
    for channel in request["channels"]:
        named = isinstance(channel, dict)
        products = channel.get("product_ids", request.get("product_ids", [])) if named else request.get("product_ids", [])
        yield from (Stream(channel["name"] if named else channel, product) for product in products)


def _subscriptions(session: Session) -> bytes:
    channels = [
        {"name": name, "product_ids": sorted(s.symbol for s in session.streams if s.channel == name)}
        for name in CHANNELS
        if any(s.channel == name for s in session.streams)
    ]
    return msgspec.json.encode({"type": "subscriptions", "channels": channels})


def _first(stream: Stream, market: Market, session: Session) -> bytes:
    """What a new subscription gets at once: the newest match, the newest ticker, a heartbeat."""
    if stream.channel == "matches":
        session.shown.append((market, market.last))
        return _matched(b"last_match", market, market.last)
    return _ticker(market, market.last) if stream.channel == "ticker" else _heartbeat(market, market.last.at)


def _heartbeat(market: Market, now: int) -> bytes:
    return b'{"type":"heartbeat","sequence":%d,"last_trade_id":%d,"product_id":"%s","time":"%s"}' % (
        _sequence(market, market.last),
        market.last.id,
        market.name,
        iso(now),
    )


def _error(message: str, reason: str) -> bytes:
    return msgspec.json.encode({"type": "error", "message": message, "reason": reason})


def _beat(session: Session, book: Book, now: int) -> list[bytes]:
    return [_heartbeat(book[stream.symbol], now) for stream in sorted(session.streams) if stream.channel == "heartbeat"]


def _weigh(request: Request) -> int:
    return 1


def _limited(retry_after: int) -> Answer:
    return Answer(429, b'{"message":"Public rate limit exceeded"}', {"Retry-After": str(retry_after)})


def _answer(request: Request, book: Book) -> Answer:
    if request.path == "/v2/exchange-rates":
        return _rates(request.query.get("currency", "USD").upper(), book)
    if request.path == "/time":
        return Answer(200, b'{"iso":"%s","epoch":%d.%06d}' % (iso(request.now), *divmod(request.now, SECOND)))
    head, product, tail = (*request.path.strip("/").split("/"), "", "", "")[:3]
    if head != "products" or tail not in ("trades", "ticker"):
        return Answer(404, b'{"message":"NotFound"}')
    market = book.get(product)
    if market is None:
        return Answer(404, b'{"message":"NotFound"}')
    return _trades(market, request.query) if tail == "trades" else Answer(200, _ticker(market, market.last))


def _rates(currency: str, book: Book) -> Answer:
    """How much of each currency one unit of `currency` buys, 16 places."""
    dollars = {market.listing.base: Decimal(market.price(market.last.price).decode()) for market in book.values()} | {"USD": Decimal(1)}
    if currency not in dollars:
        return Answer(400, b'{"errors":[{"id":"invalid_request","message":"Currency is invalid"}]}')
    places = Decimal("1e-16")
    rates = {name: f"{(dollars[currency] / price).quantize(places).normalize():f}" for name, price in dollars.items()}
    return Answer(200, msgspec.json.encode({"data": {"currency": currency, "rates": rates}}))


def _trades(market: Market, query: Mapping[str, str]) -> Answer:
    """Newest first; `after` pages to older ones, as `cb-after` says; `before` leaves those that are not newer than an id out."""
    try:
        limit = max(1, min(int(query.get("limit", str(PAGE))), PAGE))
        after = min(int(query.get("after", str(market.last.id + 1))), market.last.id + 1)
        before = int(query.get("before", "0"))
    except ValueError:
        return Answer(400, b'{"message":"Invalid pagination"}')
    start = max(after - limit, before + 1)
    trades = [trade for trade in market.since(start, limit) if trade.id < after][::-1]
    rows = b",".join(
        b'{"trade_id":%d,"side":"%s","size":"%s","price":"%s","time":"%s"}'
        % (trade.id, b"sell" if trade.is_buy else b"buy", market.size(trade.size), market.price(trade.price), iso(trade.at))
        for trade in trades
    )
    pages = {"CB-BEFORE": str(trades[0].id), "CB-AFTER": str(trades[-1].id)} if trades else {}
    return Answer(200, b"[%s]" % rows, pages)


FEED = Feed(
    opened=_opened,
    received=_received,
    beat=_beat,
    encoders={"matches": _match, "ticker": _ticker},
    trades=frozenset({"matches"}),
    subscribe_within=5,
)
VENUE = Venue("coinbase", native, _answer, _weigh, Limit(10, SECOND), _limited, feed=FEED)
