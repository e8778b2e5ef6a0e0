"""CoinCap assets, versions 2 and 3: reference prices in dollars with name, rank, market cap, 24 h volume and change.

{"data":[{"id":"bitcoin","rank":"1","symbol":"BTC","name":"Bitcoin","supply":"19788862.0000000000000000","maxSupply":"21000000.0",
  "marketCapUsd":"1904557171625.0952172577833640","volumeUsd24Hr":"12724040223.1452060699561802","priceUsd":"96243.8957644504882220",
  "changePercent24Hr":"0.9762522061124105","vwap24Hr":"95583.4674577419449477"}],"timestamp":1735689600123}

Both versions answer alike, under different addresses; version 3 wants a key. `timestamp` is milliseconds, of the whole response.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from shared import assets, money
from shared.errors import Rejected
from shared.events import Fact, IndexPrice, MarketInfo
from shared.frames import FAULTS, rejected
from shared.providers.venue import Budget
from shared.symbols import canonical
from shared.time import from_ms

REST = "https://rest.coincap.io/v3"  # or https://api.coincap.io/v2
BUDGET = Budget(200, 60)
PAGE = 100
QUOTE = "USD"
_IDS = {"XRP": "xrp"}


class _Asset(msgspec.Struct, gc=False):
    id: str
    rank: str | int | None = None
    name: str = ""
    marketCapUsd: str | None = None  # noqa: N815 the venue's
    volumeUsd24Hr: str | None = None  # noqa: N815
    priceUsd: str | None = None  # noqa: N815
    changePercent24Hr: str | None = None  # noqa: N815


class _Assets(msgspec.Struct, gc=False):
    data: list[_Asset]
    timestamp: int | None = None


_decode = msgspec.json.Decoder(_Assets).decode


def parse(payload: bytes) -> list[Fact | Rejected]:
    """An index price and a market info an asset, or why not. Raises `Rejected` for the whole."""
    try:
        found = _decode(payload)
    except FAULTS as fault:
        raise rejected("coincap assets", fault) from None
    at = 0 if found.timestamp is None else from_ms(found.timestamp, "timestamp")
    return [value for asset in found.data for value in _asset(asset, at)]


def native_symbol(payload: bytes) -> str:
    """Empty: a response holds many."""
    return ""


def native(symbol: str) -> str:
    """`BTC-USD` to `bitcoin`."""
    ticker = symbol.partition("-")[0]
    return _IDS.get(ticker) or assets.name(ticker)


def authorized(key: str, base: str) -> dict[str, str]:
    """The header of a key."""
    return {"Authorization": f"Bearer {key}"}


def together(count: int) -> int:
    """A page."""
    return PAGE


def requests(base: str, symbols: Sequence[str]) -> list[str]:
    """One request a hundred assets."""
    pages = [symbols[at : at + PAGE] for at in range(0, len(symbols), PAGE)]
    return [f"{base}/assets?{urlencode({'ids': ','.join(map(native, page)), 'limit': PAGE}, safe=',')}" for page in pages]


def _asset(asset: _Asset, at: int) -> list[Fact | Rejected]:
    try:
        symbol = canonical(f"{assets.ticker(asset.id)}-USD")
        if asset.priceUsd is None:
            raise Rejected("missing_field", f"coincap {asset.id[:40]!r} without priceUsd")
        price = IndexPrice(symbol, asset.id, at, money.price(asset.priceUsd, f"{asset.id[:40]}.priceUsd"))
    except Rejected as fault:
        return [fault]
    try:
        return [price, _info(asset, symbol, at)]
    except Rejected as fault:
        return [price, fault]


def _info(asset: _Asset, symbol: str, at: int) -> MarketInfo:
    return MarketInfo(
        symbol,
        asset.id,
        at,
        asset.name[:100],
        _rank(asset.rank),
        money.figure(asset.marketCapUsd, "marketCapUsd"),
        money.figure(asset.volumeUsd24Hr, "volumeUsd24Hr"),
        change_24h=money.figure(asset.changePercent24Hr, "changePercent24Hr"),
    )


def _rank(given: Any) -> int | None:
    if given is None:
        return None
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Rejected("malformed", f"rank {text[:40]!r} is no whole number")
    return int(text)
