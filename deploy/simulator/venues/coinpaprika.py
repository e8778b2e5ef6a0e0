"""CoinPaprika: /v1/tickers and /v1/tickers/{id}, polled; prices are JSON numbers, times whole seconds.

{"id":"btc-bitcoin","name":"Bitcoin","symbol":"BTC","rank":1,"last_updated":"2024-03-25T08:45:00Z","quotes":{"USD":{"price":67187.33,…}}}

Invariant: a coin is quoted in its market's own currency only; whoever asks for others does not get them.
"""

from __future__ import annotations

from deploy.simulator.limits import SECOND, Limit
from deploy.simulator.market import Market
from deploy.simulator.spelling import change, coin_name, iso, supply
from deploy.simulator.venue import Answer, Book, Request, Venue

IDS = {
    "BTC": "btc-bitcoin",
    "ETH": "eth-ethereum",
    "SOL": "sol-solana",
    "XRP": "xrp-xrp",
    "ADA": "ada-cardano",
    "DOGE": "doge-dogecoin",
    "LTC": "ltc-litecoin",
}


def native(symbol: str) -> str:
    """`BTC-USD` is btc-bitcoin here; a coin without a known name has its code for one."""
    base = symbol.partition("-")[0]
    return IDS.get(base, f"{base.lower()}-{base.lower()}")


def _answer(request: Request, book: Book) -> Answer:
    head, _, coin = request.path.strip("/").removeprefix("v1/").partition("/")
    if head != "tickers" or not request.path.startswith("/v1/"):
        return Answer(404, b'{"error":"not found"}')
    currencies = request.query.get("quotes", "USD").upper().split(",")
    ranks = {name: rank for rank, name in enumerate(book, 1)}
    if not coin:
        return Answer(200, b"[%s]" % b",".join(_ticker(market, ranks[name], currencies) for name, market in book.items()))
    if coin not in book:
        return Answer(404, b'{"error":"id not found"}')
    return Answer(200, _ticker(book[coin], ranks[coin], currencies))


def _ticker(market: Market, rank: int, currencies: list[str]) -> bytes:
    listing, last = market.listing, market.last
    worth = supply(rank) * last.price // 10**listing.price_digits
    changed = change(market).encode()
    quote = (
        b'"%s":{"price":%s,"volume_24h":%d.25,"volume_24h_change_24h":-4.15,"market_cap":%d,"market_cap_change_24h":%s,'
        b'"percent_change_1h":0.31,"percent_change_24h":%s,"percent_change_7d":2.3}'
    ) % (listing.quote.encode(), market.price(last.price), worth // 100, worth, changed, changed)
    return (
        b'{"id":"%s","name":"%s","symbol":"%s","rank":%d,"total_supply":%d,"max_supply":%d,"beta_value":0.87,'
        b'"first_data_at":"2010-07-17T00:00:00Z","last_updated":"%s","quotes":{%s}}'
    ) % (
        market.name,
        coin_name(market.native.partition("-")[2]).encode(),
        listing.base.encode(),
        rank,
        supply(rank),
        supply(rank),
        iso(last.at)[:19] + b"Z",
        quote if listing.quote in currencies else b"",
    )


def _weigh(request: Request) -> int:
    return 1


def _limited(retry_after: int) -> Answer:
    return Answer(429, b'{"error":"too many requests"}', {"Retry-After": str(retry_after)})


VENUE = Venue("coinpaprika", native, _answer, _weigh, Limit(10, SECOND), _limited, precision=SECOND, kind="price")
