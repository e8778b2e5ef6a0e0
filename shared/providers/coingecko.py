"""CoinGecko simple price: reference prices of coins by their ids.

{"bitcoin":{"usd":67187.33,"last_updated_at":1711356300},"ethereum":{"usd":3509.12,"last_updated_at":1711356301}}

`last_updated_at` is Unix seconds. A rolling 24 h volume is not a volume of trades and is not taken.
"""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from shared import assets, money
from shared.errors import Rejected
from shared.events import IndexPrice, Tick
from shared.frames import FAULTS, rejected
from shared.providers.venue import Budget
from shared.symbols import canonical
from shared.time import from_number

REST = "https://api.coingecko.com"
BUDGET = Budget(10, 60)
QUOTE = "USD"
# What a coin's object may hold besides prices: `usd_market_cap`, `usd_24h_vol`, `usd_24h_change`, when they are asked for.
_OTHER = ("_market_cap", "_24h_vol", "_24h_change", "last_updated_at")

_decode = msgspec.json.Decoder(dict[str, dict[str, Decimal | None]]).decode


def parse(payload: bytes) -> list[Tick | Rejected]:
    """One index price a coin and currency, or why it is none. Raises `Rejected` for the whole."""
    try:
        coins = _decode(payload)
    except FAULTS as fault:
        raise rejected("coingecko prices", fault) from None
    return [_price(coin, currency, values) for coin, values in coins.items() for currency in values if not currency.endswith(_OTHER)]


def native_symbol(payload: bytes) -> str:
    """Empty: a response holds the whole market."""
    return ""


def native(symbol: str) -> str:
    """`BTC-USD` to `bitcoin`."""
    return assets.name(symbol.partition("-")[0])


def authorized(key: str, base: str) -> dict[str, str]:
    """The header of a key; the paid address takes another one than the free address."""
    return {"x-cg-pro-api-key" if "pro-api" in base else "x-cg-demo-api-key": key}


def together(count: int) -> int:
    """A hundred: the address stays short."""
    return 100


def requests(base: str, symbols: Sequence[str]) -> list[str]:
    """One request for all."""
    currencies = sorted({symbol.partition("-")[2].lower() or "usd" for symbol in symbols})
    query = {"ids": ",".join(map(native, symbols)), "vs_currencies": ",".join(currencies), "include_last_updated_at": "true"}
    return [f"{base}/api/v3/simple/price?{urlencode(query, safe=',')}"]


def _price(coin: str, currency: str, values: dict[str, Decimal | None]) -> Tick | Rejected:
    try:
        given, updated = values[currency], values.get("last_updated_at")
        if given is None:
            raise Rejected("missing_field", f"coingecko {coin[:40]!r} without {currency[:16]!r}")
        at = 0 if updated is None else from_number(str(updated), "last_updated_at")
        symbol = canonical(f"{assets.ticker(coin)}-{currency}")
        return IndexPrice(symbol, coin, at, money.price(str(given), f"{coin[:40]}.{currency[:16]}"))
    except Rejected as fault:
        return fault
