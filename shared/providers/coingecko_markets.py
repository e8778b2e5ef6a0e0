"""CoinGecko markets: reference prices with each coin's name, rank, market cap, 24 h volume and changes. Always asked in dollars.

[{"id":"bitcoin","symbol":"btc","name":"Bitcoin","current_price":70187,"market_cap":1381651251183,"market_cap_rank":1,
  "total_volume":20154184933,"price_change_percentage_24h":3.12502,"price_change_percentage_1h_in_currency":0.15,
  "price_change_percentage_7d_in_currency":-1.2,"last_updated":"2024-04-07T16:49:31.736Z"}]

The response does not say its currency, so `requests` asks in no other.
"""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from shared import assets, money
from shared.errors import Rejected
from shared.events import Fact, IndexPrice, MarketInfo
from shared.frames import FAULTS, rejected
from shared.providers import coingecko
from shared.symbols import canonical
from shared.time import from_iso

REST = coingecko.REST
BUDGET = coingecko.BUDGET
PAGE = 100
QUOTE = "USD"
authorized = coingecko.authorized
native = coingecko.native
native_symbol = coingecko.native_symbol


class _Coin(msgspec.Struct, gc=False):
    id: str
    name: str = ""
    current_price: Decimal | None = None
    market_cap: Decimal | None = None
    market_cap_rank: int | None = None
    total_volume: Decimal | None = None
    price_change_percentage_24h: Decimal | None = None
    price_change_percentage_1h_in_currency: Decimal | None = None
    price_change_percentage_7d_in_currency: Decimal | None = None
    last_updated: str | None = None


_decode = msgspec.json.Decoder(list[_Coin]).decode


def parse(payload: bytes) -> list[Fact | Rejected]:
    """An index price and a market info a coin, or why not. Raises `Rejected` for the whole."""
    try:
        coins = _decode(payload)
    except FAULTS as fault:
        raise rejected("coingecko markets", fault) from None
    return [value for coin in coins for value in _coin(coin)]


def together(count: int) -> int:
    """A page."""
    return PAGE


def requests(base: str, symbols: Sequence[str]) -> list[str]:
    """One request a hundred coins."""
    pages = [symbols[at : at + PAGE] for at in range(0, len(symbols), PAGE)]
    query = {"vs_currency": "usd", "per_page": PAGE, "price_change_percentage": "1h,7d"}
    return [f"{base}/api/v3/coins/markets?{urlencode({**query, 'ids': ','.join(map(native, page))}, safe=',')}" for page in pages]


def _coin(coin: _Coin) -> list[Fact | Rejected]:
    try:
        symbol = canonical(f"{assets.ticker(coin.id)}-USD")
        at = from_iso(coin.last_updated) if coin.last_updated else 0
        if coin.current_price is None:
            raise Rejected("missing_field", f"coingecko {coin.id[:40]!r} without current_price")
        price = IndexPrice(symbol, coin.id, at, money.price(str(coin.current_price), f"{coin.id[:40]}.current_price"))
    except Rejected as fault:
        return [fault]
    try:
        return [price, _info(coin, symbol, at)]
    except Rejected as fault:
        return [price, fault]


def _info(coin: _Coin, symbol: str, at: int) -> MarketInfo:
    return MarketInfo(
        symbol,
        coin.id,
        at,
        coin.name[:100],
        coin.market_cap_rank,
        money.figure(coin.market_cap, "market_cap"),
        money.figure(coin.total_volume, "total_volume"),
        money.figure(coin.price_change_percentage_1h_in_currency, "price_change_percentage_1h_in_currency"),
        money.figure(coin.price_change_percentage_24h, "price_change_percentage_24h"),
        money.figure(coin.price_change_percentage_7d_in_currency, "price_change_percentage_7d_in_currency"),
    )
