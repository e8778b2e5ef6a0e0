"""CoinGecko: /api/v3/simple/price and /api/v3/coins/markets, polled; prices without sizes, times in whole seconds.

{"bitcoin":{"usd":67187.33,"last_updated_at":1711356300}}
[{"id":"bitcoin","symbol":"btc","name":"Bitcoin","current_price":67187.33,"market_cap":1322500000000,"market_cap_rank":1,…}]

Invariant: an answer's ETag is that of its bytes, so 304 means that nothing has changed.
"""

from __future__ import annotations

import hashlib

import msgspec

from deploy.simulator.limits import SECOND, Limit
from deploy.simulator.market import Market
from deploy.simulator.spelling import change, coin_name, iso, supply
from deploy.simulator.venue import Answer, Book, Request, Venue

IDS = {"BTC": "bitcoin", "ETH": "ethereum", "SOL": "solana", "XRP": "ripple", "ADA": "cardano", "DOGE": "dogecoin", "LTC": "litecoin"}


def native(symbol: str) -> str:
    """`BTC-USD` is bitcoin here; coins without a known name are called by their code."""
    base = symbol.partition("-")[0]
    return IDS.get(base, base.lower())


def _answer(request: Request, book: Book) -> Answer:
    if request.path == "/api/v3/ping":
        return Answer(200, b'{"gecko_says":"(V3) To the Moon!"}')
    if request.path == "/api/v3/coins/markets":
        return _markets(request, book)
    if request.path != "/api/v3/simple/price":
        return Answer(404, b'{"error":"Incorrect path. Please check https://www.coingecko.com/api/"}')
    if "vs_currencies" not in request.query or "ids" not in request.query:
        return Answer(422, msgspec.json.encode({"error": f"Missing parameter {'ids' if 'ids' not in request.query else 'vs_currencies'}"}))
    currencies = request.query["vs_currencies"].lower().split(",")
    stamped = request.query.get("include_last_updated_at") == "true"
    found = (book[name] for name in sorted(set(request.query["ids"].split(","))) if name in book)
    return _tagged(request, b"{%s}" % b",".join(_coin(market, currencies, stamped=stamped) for market in found))


def _tagged(request: Request, body: bytes) -> Answer:
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "max-age=30, public, must-revalidate"}
    if tag in request.headers.get("if-none-match", ""):
        return Answer(304, b"", headers)
    return Answer(200, body, headers)


def _markets(request: Request, book: Book) -> Answer:
    """The coins asked for, or all, a page of them; in dollars whatever is asked."""
    query = request.query
    if "vs_currency" not in query:
        return Answer(422, b'{"error":"Missing parameter vs_currency"}')
    size, page = (int(text) if (text := query.get(name, "")).isdigit() else default for name, default in (("per_page", 100), ("page", 1)))
    ranks = {name: rank for rank, name in enumerate(book, 1)}
    wanted = [name for name in book if name in query["ids"].split(",")] if "ids" in query else list(book)
    coins = [_market(book[name], ranks[name]) for name in wanted[max(0, page - 1) * size :][: min(size, 250)]]
    return _tagged(request, b"[%s]" % b",".join(coins))


def _market(market: Market, rank: int) -> bytes:
    last = market.last
    worth = supply(rank) * last.price // 10**market.listing.price_digits
    return (
        b'{"id":"%s","symbol":"%s","name":"%s","current_price":%s,"market_cap":%d,"market_cap_rank":%d,"total_volume":%d,'
        b'"price_change_percentage_24h":%s,"price_change_percentage_1h_in_currency":0.31,"price_change_percentage_7d_in_currency":2.3,'
        b'"last_updated":"%s"}'
    ) % (
        market.name,
        market.listing.base.lower().encode(),
        coin_name(market.native).encode(),
        market.price(last.price),
        worth,
        rank,
        worth // 100,
        change(market).encode(),
        iso(last.at),
    )


def _coin(market: Market, currencies: list[str], *, stamped: bool) -> bytes:
    """A coin quoted in another currency than ours is named without that price, as the venue does it."""
    fields = [b'"%s":%s' % (name.encode(), market.price(market.last.price)) for name in currencies if name == market.listing.quote.lower()]
    fields += [b'"last_updated_at":%d' % (market.last.at // SECOND)] if stamped else []
    return b'"%s":{%s}' % (market.name, b",".join(fields))


def _weigh(request: Request) -> int:
    return 1


def _limited(retry_after: int) -> Answer:
    said = "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing to subscribe to our API plans."
    body = msgspec.json.encode({"status": {"error_code": 429, "error_message": said}})
    return Answer(429, body, {"Retry-After": str(retry_after)})


VENUE = Venue("coingecko", native, _answer, _weigh, Limit(30), _limited, precision=SECOND, kind="price")
