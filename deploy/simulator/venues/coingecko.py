"""CoinGecko: /api/v3/simple/price, polled; prices without sizes, times in whole seconds.

{"bitcoin":{"usd":67187.33,"last_updated_at":1711356300}}

Invariant: an answer's ETag is that of its bytes, so 304 means that nothing has changed.
"""

from __future__ import annotations

import hashlib

import msgspec

from deploy.simulator.limits import SECOND, Limit
from deploy.simulator.market import Market
from deploy.simulator.venue import Answer, Book, Request, Venue

IDS = {"BTC": "bitcoin", "ETH": "ethereum", "SOL": "solana", "XRP": "ripple", "ADA": "cardano", "DOGE": "dogecoin", "LTC": "litecoin"}


def native(symbol: str) -> str:
    """`BTC-USD` is bitcoin here; coins without a known name are called by their code."""
    base = symbol.partition("-")[0]
    return IDS.get(base, base.lower())


def _answer(request: Request, book: Book) -> Answer:
    if request.path == "/api/v3/ping":
        return Answer(200, b'{"gecko_says":"(V3) To the Moon!"}')
    if request.path != "/api/v3/simple/price":
        return Answer(404, b'{"error":"Incorrect path. Please check https://www.coingecko.com/api/"}')
    if "vs_currencies" not in request.query or "ids" not in request.query:
        return Answer(422, msgspec.json.encode({"error": f"Missing parameter {'ids' if 'ids' not in request.query else 'vs_currencies'}"}))
    currencies = request.query["vs_currencies"].lower().split(",")
    stamped = request.query.get("include_last_updated_at") == "true"
    found = (book[name] for name in sorted(set(request.query["ids"].split(","))) if name in book)
    body = b"{%s}" % b",".join(_coin(market, currencies, stamped=stamped) for market in found)
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "max-age=30, public, must-revalidate"}
    if tag in request.headers.get("if-none-match", ""):
        return Answer(304, b"", headers)
    return Answer(200, body, headers)


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
