"""CoinCap: /v2/assets and /v3/assets, alike, polled; prices in dollars as strings, times of a response in milliseconds.

{"data":[{"id":"bitcoin","rank":"1","symbol":"BTC","name":"Bitcoin","priceUsd":"67187.3300000000000000",…}],"timestamp":1711356300123}

Invariant: version 3 answers only who brings a key, any key.
"""

from __future__ import annotations

import msgspec

from deploy.simulator.limits import Limit
from deploy.simulator.market import Market
from deploy.simulator.spelling import change, coin_name, supply
from deploy.simulator.venue import Answer, Book, Request, Venue

IDS = {"BTC": "bitcoin", "ETH": "ethereum", "SOL": "solana", "XRP": "xrp", "ADA": "cardano", "DOGE": "dogecoin", "LTC": "litecoin"}
MOST = 2000


def native(symbol: str) -> str:
    """`BTC-USD` is bitcoin here; coins without a known name are called by their code."""
    base = symbol.partition("-")[0]
    return IDS.get(base, base.lower())


def _answer(request: Request, book: Book) -> Answer:
    version, _, path = request.path.strip("/").partition("/")
    if version not in ("v2", "v3") or path != "assets":
        return Answer(404, b'{"error":"not found"}')
    if version == "v3" and not request.headers.get("authorization", "").startswith("Bearer "):
        return Answer(403, b'{"error":"Missing or invalid API key"}')
    ranks = {name: rank for rank, name in enumerate(book, 1)}
    wanted = request.query["ids"].split(",") if "ids" in request.query else list(book)
    limit = int(given) if (given := request.query.get("limit", "100")).isdigit() else 100
    found = [_asset(book[name], ranks[name]) for name in wanted if name in book][: min(limit, MOST)]
    return Answer(200, msgspec.json.encode({"data": found, "timestamp": request.now // 1000}))


def _asset(market: Market, rank: int) -> dict[str, str]:
    price = market.price(market.last.price).decode()
    coins = supply(rank)
    units = 10**market.listing.price_digits
    return {
        "id": market.native,
        "rank": str(rank),
        "symbol": market.listing.base,
        "name": coin_name(market.native),
        "supply": f"{coins}.0000000000000000",
        "marketCapUsd": f"{coins * market.last.price // units}.{coins * market.last.price % units:0{market.listing.price_digits}d}",
        "volumeUsd24Hr": f"{coins * market.last.price // units // 100}.0000000000000000",
        "priceUsd": price + "0" * (16 - market.listing.price_digits),
        "changePercent24Hr": change(market),
    }


def _weigh(request: Request) -> int:
    return 1


def _limited(retry_after: int) -> Answer:
    return Answer(429, b'{"error":"You exceeded your 200 request(s) rate limit"}', {"Retry-After": str(retry_after)})


VENUE = Venue("coincap", native, _answer, _weigh, Limit(200), _limited, kind="price")
