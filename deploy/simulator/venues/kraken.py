"""Kraken WebSocket v2, at /v2: trade and ticker channels, numbers as JSON numbers; past trades under /0/public/Trades, after a time in ns.

Trade:  {"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":67187.33,"qty":0.01,"ord_type":"market",
         "trade_id":123,"timestamp":"2023-09-25T07:49:37.708706Z"}]}

Invariant: `side` is the taker's; a heartbeat a second goes to every connection that has subscribed to something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from deploy.simulator.limits import SECOND, Limit
from deploy.simulator.market import Market, Trade
from deploy.simulator.spelling import iso
from deploy.simulator.venue import Answer, Book, Feed, Request, Session, Stream, Venue

CHANNELS = ("trade", "ticker")
SNAPSHOT = 50
PAGE = 1000
NS = 1000  # in a microsecond
CODES = {"BTC": "XBT", "DOGE": "XDG"}


def native(symbol: str) -> str:
    """`BTC-USD` is BTC/USD here."""
    return symbol.replace("-", "/")


def _item(market: Market, trade: Trade) -> bytes:
    return b'{"symbol":"%s","side":"%s","price":%s,"qty":%s,"ord_type":"%s","trade_id":%d,"timestamp":"%s"}' % (
        market.name,
        b"buy" if trade.is_buy else b"sell",
        market.price(trade.price),
        market.size(trade.size),
        b"limit" if trade.size & 1 else b"market",
        trade.id,
        iso(trade.at),
    )


def _trade(market: Market, trade: Trade) -> bytes:
    return b'{"channel":"trade","type":"update","data":[%s]}' % _item(market, trade)


def _tick(kind: bytes, market: Market, trade: Trade) -> bytes:
    change = trade.price - market.listing.start
    return (
        b'{"channel":"ticker","type":"%s","data":[{"symbol":"%s","bid":%s,"bid_qty":%s,"ask":%s,"ask_qty":%s,"last":%s,"volume":%s,'
        b'"vwap":%s,"low":%s,"high":%s,"change":%s%s,"change_pct":%.2f,"timestamp":"%s"}]}'
    ) % (
        kind,
        market.name,
        market.price(trade.bid),
        market.size(trade.bid_size),
        market.price(trade.ask),
        market.size(trade.ask_size),
        market.price(trade.price),
        market.size(market.volume),
        market.price((market.low + market.high) // 2),
        market.price(market.low),
        market.price(market.high),
        b"-" if change < 0 else b"",
        market.price(abs(change)),
        100 * change / market.listing.start,
        iso(trade.at),
    )


def _ticker(market: Market, trade: Trade) -> bytes:
    return _tick(b"update", market, trade)


def _opened(path: str, query: Mapping[str, str], session: Session, book: Book, now: int) -> list[bytes] | None:
    if path.strip("/") not in ("", "v2"):
        return None
    status = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": session.number}
    return [msgspec.json.encode({"channel": "status", "type": "update", "data": [status]})]


def _received(message: bytes, session: Session, book: Book, now: int) -> list[bytes]:
    try:
        request: Any = msgspec.json.decode(message)
        method, parameters = request["method"], request.get("params") or {}
        channel, symbols = parameters.get("channel"), parameters.get("symbol") or []
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return [_reply("", {"error": "Unsupported event", "success": False}, {}, now)]
    if method == "ping":
        return [_reply("pong", {}, request, now)]
    if method not in ("subscribe", "unsubscribe"):
        return [_reply(method, {"error": f"Method {method} not supported", "success": False}, request, now)]
    if channel not in CHANNELS:
        return [_reply(method, {"error": f"Channel {channel} not supported", "success": False}, request, now)]
    frames: list[bytes] = []
    for symbol in symbols:
        frames += _change(request, Stream(channel, symbol), session, book, now)
    return frames


def _change(request: Any, stream: Stream, session: Session, book: Book, now: int) -> list[bytes]:
    """The acknowledgement of one symbol, and its snapshot unless declined."""
    method, (channel, symbol) = request["method"], stream
    if symbol not in book:
        return [_reply(method, {"error": f"Currency pair not supported {symbol}", "success": False, "symbol": symbol}, request, now)]
    snapshot = request["params"].get("snapshot", True)
    if method == "unsubscribe":
        session.streams.discard(stream)
        return [_reply(method, {"result": {"channel": channel, "symbol": symbol}, "success": True}, request, now)]
    if stream in session.streams:
        return [_reply(method, {"error": "Already subscribed", "success": False, "symbol": symbol}, request, now)]
    session.streams.add(stream)
    done = _reply(method, {"result": {"channel": channel, "snapshot": snapshot, "symbol": symbol}, "success": True}, request, now)
    return [done, _snapshot(channel, book[symbol], session)] if snapshot else [done]


def _snapshot(channel: str, market: Market, session: Session) -> bytes:
    if channel == "ticker":
        return _tick(b"snapshot", market, market.last)
    trades = market.since(market.last.id + 1 - SNAPSHOT, SNAPSHOT)
    session.shown += [(market, trade) for trade in trades]
    return b'{"channel":"trade","type":"snapshot","data":[%s]}' % b",".join(_item(market, trade) for trade in trades)


def _reply(method: str, fields: dict[str, Any], request: Any, now: int) -> bytes:
    number = {"req_id": request["req_id"]} if "req_id" in request else {}
    at = iso(now).decode()
    return msgspec.json.encode({"method": method, **fields, "time_in": at, "time_out": at, **number})


def _beat(session: Session, book: Book, now: int) -> list[bytes]:
    return [b'{"channel":"heartbeat"}'] if session.streams else []


def _pair(native: str) -> str:
    """`BTC/USD` is XBTUSD in requests."""
    base, _, quote = native.partition("/")
    return CODES.get(base, base) + CODES.get(quote, quote)


def _answer(request: Request, book: Book) -> Answer:
    if request.path == "/0/public/Trades":
        return _trades(request.query, book)
    if request.path == "/0/public/Time":
        return Answer(200, b'{"error":[],"result":{"unixtime":%d}}' % (request.now // SECOND))
    return Answer(404, b'{"error":["EGeneral:Unknown method"]}')


def _trades(query: Mapping[str, str], book: Book) -> Answer:
    """Those after `since`, oldest first, or the newest; errors come with status 200."""
    market = next((market for name, market in book.items() if query.get("pair") in (name, _pair(name))), None)
    if market is None:
        return Answer(200, b'{"error":["EQuery:Unknown asset pair"]}')
    try:
        count = max(1, min(int(query.get("count", str(PAGE))), PAGE))
        since = int(query["since"]) // NS if "since" in query else None
    except ValueError:
        return Answer(200, b'{"error":["EGeneral:Invalid arguments"]}')
    if since is None:
        trades = market.since(market.last.id + 1 - count, count)
    else:
        trades = [trade for trade in market.trades if trade.at > since][:count]
    rows = b",".join(
        b'["%s","%s",%d.%06d,"%s","%s","",%d]'
        % (
            market.price(trade.price),
            market.size(trade.size),
            *divmod(trade.at, SECOND),
            b"b" if trade.is_buy else b"s",
            b"l" if trade.size & 1 else b"m",
            trade.id,
        )
        for trade in trades
    )
    last = trades[-1].at * NS if trades else (since or 0) * NS
    return Answer(200, b'{"error":[],"result":{"%s":[%s],"last":"%d"}}' % (_pair(market.native).encode(), rows, last))


def _limited(retry_after: int) -> Answer:
    return Answer(429, b'{"error":["EGeneral:Too many requests"]}', {"Retry-After": str(retry_after)})


def _weigh(request: Request) -> int:
    return 1


FEED = Feed(_opened, _received, _beat, encoders={"trade": _trade, "ticker": _ticker}, trades=frozenset({"trade"}))
VENUE = Venue("kraken", native, _answer, _weigh, Limit(60), _limited, feed=FEED)
