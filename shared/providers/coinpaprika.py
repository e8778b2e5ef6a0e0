"""CoinPaprika tickers, one coin's or all: reference prices with name, rank, market cap, 24 h volume and changes.

{"id":"btc-bitcoin","name":"Bitcoin","symbol":"BTC","rank":1,"total_supply":19883231,"max_supply":21000000,
 "first_data_at":"2010-07-17T00:00:00Z","last_updated":"2025-06-25T10:47:48Z","quotes":{"USD":{"price":107077.69661924685,
 "volume_24h":23175936198.924427,"volume_24h_change_24h":-44.15,"market_cap":2129051326372,"percent_change_1h":0.31,
 "percent_change_24h":1.74,"percent_change_7d":2.3}}}

An id is the ticker and the name; of a coin whose name is not known here the whole id stands for it (`SHIB.SHIBA.INU`).
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from shared import assets, money
from shared.errors import Rejected
from shared.events import Fact, IndexPrice, MarketInfo
from shared.frames import FAULTS, rejected
from shared.providers.venue import Budget
from shared.symbols import canonical
from shared.time import from_iso

REST = "https://api.coinpaprika.com"  # with a key https://api-pro.coinpaprika.com
BUDGET = Budget(10, 1)
QUOTE = "USD"
# More coins than this are asked for with one request for all there are.
SINGLY = 10
_IDS = {"XRP": "xrp-xrp"}


class _Quote(msgspec.Struct, gc=False):
    price: Decimal | None = None
    volume_24h: Decimal | None = None
    market_cap: Decimal | None = None
    percent_change_1h: Decimal | None = None
    percent_change_24h: Decimal | None = None
    percent_change_7d: Decimal | None = None


class _Ticker(msgspec.Struct, gc=False):
    id: str
    quotes: dict[str, _Quote]
    name: str = ""
    rank: int | None = None
    last_updated: str | None = None


_one = msgspec.json.Decoder(_Ticker).decode
_many = msgspec.json.Decoder(list[_Ticker]).decode


def parse(payload: bytes) -> list[Fact | Rejected]:
    """An index price and a market info a coin and currency, or why not. Raises `Rejected` for the whole."""
    try:
        tickers = _many(payload) if payload.lstrip()[:1] == b"[" else [_one(payload)]
    except FAULTS as fault:
        raise rejected("coinpaprika tickers", fault) from None
    return [value for ticker in tickers for currency, quote in ticker.quotes.items() for value in _quote(ticker, currency, quote)]


def native_symbol(payload: bytes) -> str:
    """Empty: a response may hold the whole market."""
    return ""


def native(symbol: str) -> str:
    """`BTC-USD` to `btc-bitcoin`, `PEPE-USD` to `pepe-pepe`, `SHIB.SHIBA.INU-USD` to `shib-shiba-inu`."""
    ticker = symbol.partition("-")[0]
    if "." in ticker:
        return ticker.lower().replace(".", "-")
    return _IDS.get(ticker) or f"{ticker.lower()}-{assets.name(ticker)}"


def authorized(key: str, base: str) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": key}


def together(count: int) -> int:
    """One of a few, all of many."""
    return 1 if count <= SINGLY else count


def requests(base: str, symbols: Sequence[str]) -> list[str]:
    """A request a coin for a few, one for all coins for many."""
    currencies = ",".join(sorted({symbol.partition("-")[2] or QUOTE for symbol in symbols}))
    paths = [f"/{native(symbol)}" for symbol in symbols] if len(symbols) <= SINGLY else [""]
    return [f"{base}/v1/tickers{path}?quotes={currencies}" for path in paths]


def _quote(ticker: _Ticker, currency: str, quote: _Quote) -> list[Fact | Rejected]:
    try:
        symbol = canonical(f"{_base(ticker.id)}-{currency}")
        at = from_iso(ticker.last_updated) if ticker.last_updated else 0
        if quote.price is None:
            raise Rejected("missing_field", f"coinpaprika {ticker.id[:40]!r} without a price")
        price = IndexPrice(symbol, ticker.id, at, money.price(str(quote.price), f"{ticker.id[:40]}.price"))
    except Rejected as fault:
        return [fault]
    try:
        return [price, _info(ticker, quote, symbol, at)]
    except Rejected as fault:
        return [price, fault]


def _base(native: str) -> str:
    ticker, _, name = native.partition("-")
    known = name == ticker or assets.TICKERS.get(name) == ticker.upper()
    return ticker.upper() if known else assets.ticker(native)


def _info(ticker: _Ticker, quote: _Quote, symbol: str, at: int) -> MarketInfo:
    return MarketInfo(
        symbol,
        ticker.id,
        at,
        ticker.name[:100],
        ticker.rank,
        money.figure(quote.market_cap, "market_cap"),
        money.figure(quote.volume_24h, "volume_24h"),
        money.figure(quote.percent_change_1h, "percent_change_1h"),
        money.figure(quote.percent_change_24h, "percent_change_24h"),
        money.figure(quote.percent_change_7d, "percent_change_7d"),
    )
