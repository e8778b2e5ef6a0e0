"""Binance spot: streams under /ws and /stream, REST under /api/v3.

Trade:  {"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"67187.33000000","q":"0.01000000","T":1672515782136,"m":true,"M":true}
A connection to /stream gets every frame inside {"stream":"btcusdt@trade","data":…}, one to /ws gets it bare.

Invariant: trade ids, aggregate ids and book updates are three numberings, each without holes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from deploy.simulator.limits import Limit, Verdict
from deploy.simulator.market import Market, Trade
from deploy.simulator.venue import Answer, Book, Encoder, Feed, Request, Session, Stream, Venue

CHANNELS = ("trade", "aggTrade", "bookTicker")
COMBINED = "stream/"
WEIGHTS = {"/api/v3/historicalTrades": 25, "/api/v3/trades": 25, "/api/v3/aggTrades": 4, "/api/v3/ticker/price": 4}
PAGE = 1000


def native(symbol: str) -> str:
    """`BTC-USD` is BTCUSDT here: the venue trades against tethers."""
    base, _, quote = symbol.partition("-")
    return base + ("USDT" if quote == "USD" else quote)


def _price(market: Market, ticks: int) -> bytes:
    """Every amount is written with eight decimals."""
    return market.price(ticks) + b"0" * (8 - market.listing.price_digits)


def _size(market: Market, lots: int) -> bytes:
    return market.size(lots) + b"0" * (8 - market.listing.size_digits)


def _aggregate_id(market: Market, trade: Trade) -> int:
    return market.first_id // 2 + trade.id - market.first_id


def _trade(market: Market, trade: Trade) -> bytes:
    ms = trade.at // 1000
    return b'{"e":"trade","E":%d,"s":"%s","t":%d,"p":"%s","q":"%s","T":%d,"m":%s,"M":true}' % (
        ms,
        market.name,
        trade.id,
        _price(market, trade.price),
        _size(market, trade.size),
        ms,
        b"false" if trade.is_buy else b"true",
    )


def _aggregate(market: Market, trade: Trade) -> bytes:
    ms = trade.at // 1000
    return b'{"e":"aggTrade","E":%d,"s":"%s","a":%d,"p":"%s","q":"%s","f":%d,"l":%d,"T":%d,"m":%s,"M":true}' % (
        ms,
        market.name,
        _aggregate_id(market, trade),
        _price(market, trade.price),
        _size(market, trade.size),
        trade.id,
        trade.id,
        ms,
        b"false" if trade.is_buy else b"true",
    )


def _book(market: Market, trade: Trade) -> bytes:
    return b'{"u":%d,"s":"%s","b":"%s","B":"%s","a":"%s","A":"%s"}' % (
        market.first_id * 7 + trade.id - market.first_id,
        market.name,
        _price(market, trade.bid),
        _size(market, trade.bid_size),
        _price(market, trade.ask),
        _size(market, trade.ask_size),
    )


BARE: dict[str, Encoder] = {"trade": _trade, "aggTrade": _aggregate, "bookTicker": _book}


def _combined(channel: str) -> Encoder:
    encode, suffix = BARE[channel], channel.encode()

    def wrapped(market: Market, trade: Trade) -> bytes:
        return b'{"stream":"%s@%s","data":%s}' % (market.name.lower(), suffix, encode(market, trade))

    return wrapped


def _opened(path: str, query: Mapping[str, str], session: Session, book: Book, now: int) -> list[bytes] | None:
    head, _, names = path.strip("/").partition("/")
    if head == "stream":
        session.form, names = COMBINED, query.get("streams", "")
    elif head != "ws":
        return None
    session.streams |= {stream for name in names.split("/") if (stream := _stream(session, name))}
    return []


def _stream(session: Session, name: str) -> Stream | None:
    """`btcusdt@trade`; None for what is no stream of ours. An unknown symbol is taken and stays silent, as the venue does it."""
    symbol, _, channel = name.partition("@")
    return Stream(session.form + channel, symbol.upper()) if channel in CHANNELS and symbol else None


def _received(message: bytes, session: Session, book: Book, now: int) -> list[bytes]:
    try:
        request: Any = msgspec.json.decode(message)
        method, number, names = request["method"], request.get("id"), request.get("params") or []
        streams = {stream for name in names if (stream := _stream(session, str(name)))}
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as fault:
        return [msgspec.json.encode({"error": {"code": 2, "msg": f"Invalid request: {fault}"}, "id": None})]
    result: object = None
    if method == "SUBSCRIBE":
        session.streams |= streams
    elif method == "UNSUBSCRIBE":
        session.streams -= streams
    elif method == "LIST_SUBSCRIPTIONS":
        result = sorted(f"{stream.symbol.lower()}@{stream.channel.removeprefix(COMBINED)}" for stream in session.streams)
    else:
        return [msgspec.json.encode({"error": {"code": 2, "msg": f"Invalid request: unknown variant {method}"}, "id": number})]
    return [msgspec.json.encode({"result": result, "id": number})]


def _beat(session: Session, book: Book, now: int) -> list[bytes]:
    return []


def _weigh(request: Request) -> int:
    weight = WEIGHTS.get(request.path, 1)
    return 2 if weight == 4 and request.path.endswith("price") and "symbol" in request.query else weight


def _limited(retry_after: int) -> Answer:
    said = f"Too much request weight used; current limit is {LIMIT.weight} request weight per 1 MINUTE."
    return _error(429, -1003, said)._replace(headers={"Retry-After": str(retry_after)})


def _used(verdict: Verdict) -> Mapping[str, str]:
    return {"X-MBX-USED-WEIGHT": str(verdict.used), "X-MBX-USED-WEIGHT-1M": str(verdict.used)}


def _error(status: int, code: int, said: str) -> Answer:
    return Answer(status, msgspec.json.encode({"code": code, "msg": said}))


def _answer(request: Request, book: Book) -> Answer:
    path, query = request.path, request.query
    if path == "/api/v3/ping":
        return Answer(200, b"{}")
    if path == "/api/v3/time":
        return Answer(200, b'{"serverTime":%d}' % (request.now // 1000))
    if path == "/api/v3/ticker/price":
        return _prices(query, book)
    if path in ("/api/v3/trades", "/api/v3/historicalTrades", "/api/v3/aggTrades"):
        return _page(path.rpartition("/")[2], query, book)
    return Answer(404, b"")


def _prices(query: Mapping[str, str], book: Book) -> Answer:
    if symbol := query.get("symbol"):
        return Answer(200, _last(book[symbol])) if symbol in book else _error(400, -1121, "Invalid symbol.")
    symbols: Sequence[str] = list(book)
    if "symbols" in query:
        try:
            symbols = msgspec.json.decode(query["symbols"], type=list[str])
        except msgspec.DecodeError:
            return _error(400, -1100, "Illegal characters found in parameter 'symbols'.")
    if any(symbol not in book for symbol in symbols):
        return _error(400, -1121, "Invalid symbol.")
    return Answer(200, b"[%s]" % b",".join(_last(book[symbol]) for symbol in symbols))


def _last(market: Market) -> bytes:
    return b'{"symbol":"%s","price":"%s"}' % (market.name, _price(market, market.last.price))


def _page(kind: str, query: Mapping[str, str], book: Book) -> Answer:
    """Trades from `fromId` on, or the newest ones."""
    market = book.get(query.get("symbol", ""))
    if market is None:
        return _error(400, -1121, "Invalid symbol.")
    try:
        limit = max(1, min(int(query.get("limit", "500")), PAGE))
        start = int(query["fromId"]) if "fromId" in query and kind != "trades" else None
    except ValueError:
        return _error(400, -1100, "Illegal characters found in a parameter.")
    if start is not None and kind == "aggTrades":
        start += market.first_id - market.first_id // 2
    trades = market.since(market.last.id + 1 - limit if start is None else start, limit)
    row = _aggregate_row if kind == "aggTrades" else _trade_row
    return Answer(200, b"[%s]" % b",".join(row(market, trade) for trade in trades))


def _trade_row(market: Market, trade: Trade) -> bytes:
    return b'{"id":%d,"price":"%s","qty":"%s","time":%d,"isBuyerMaker":%s,"isBestMatch":true}' % (
        trade.id,
        _price(market, trade.price),
        _size(market, trade.size),
        trade.at // 1000,
        b"false" if trade.is_buy else b"true",
    )


def _aggregate_row(market: Market, trade: Trade) -> bytes:
    return b'{"a":%d,"p":"%s","q":"%s","f":%d,"l":%d,"T":%d,"m":%s,"M":true}' % (
        _aggregate_id(market, trade),
        _price(market, trade.price),
        _size(market, trade.size),
        trade.id,
        trade.id,
        trade.at // 1000,
        b"false" if trade.is_buy else b"true",
    )


LIMIT = Limit(6000)
FEED = Feed(
    opened=_opened,
    received=_received,
    beat=_beat,
    encoders={**BARE, **{COMBINED + channel: _combined(channel) for channel in CHANNELS}},
    trades=frozenset({"trade", "aggTrade", COMBINED + "trade", COMBINED + "aggTrade"}),
    ping=20,
)
VENUE = Venue("binance", native, _answer, _weigh, LIMIT, _limited, _used, precision=1000, feed=FEED)
