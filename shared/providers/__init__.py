"""Adapters of sources: one venue, one pure file. `parse` turns the venue's bytes into ticks and does nothing else.

A source is named after its provider, with a suffix where it needs a key of its own (`binance`, `binance-agg`, `binance-sim`).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol

from shared.aggregations.candles import Row
from shared.errors import Rejected
from shared.events import Fact
from shared.providers import (
    binance,
    coinbase,
    coincap,
    coingecko,
    coingecko_markets,
    coinpaprika,
    kraken,
    polygon,
    polygon_stream,
    prices_csv,
    push,
)
from shared.providers.venue import History, Login, Polling, Priced, Streaming


class Provider(Protocol):
    """What a venue's file offers."""

    def parse(self, payload: bytes) -> Iterable[Fact | Rejected]:
        """The ticks of one payload; empty for control frames; raises `Rejected` for the whole, yields it for one of several values."""

    def native_symbol(self, payload: bytes) -> str:
        """The venue's symbol that keys the payload, found without decoding it; empty where there is none."""


PROVIDERS: dict[str, Provider] = {
    "binance": binance,
    "coinbase": coinbase,
    "coincap": coincap,
    "coingecko": coingecko,
    "coingecko-markets": coingecko_markets,
    "coinpaprika": coinpaprika,
    "kraken": kraken,
    "polygon": polygon.MINUTES,
    "polygon-daily": polygon.DAYS,
    "prices-csv": prices_csv,
    "push": push,
}


STREAMING: dict[str, Streaming] = {"binance": binance, "coinbase": coinbase, "kraken": kraken, "polygon": polygon_stream}
LOGINS: dict[str, Login] = {"polygon": polygon_stream}
# Their frames tell of many symbols at once, so all of a source's have one key.
TOGETHER = frozenset({"polygon"})
# What a snapshot may ask, in the order in which it does: a primary and its fallbacks.
PRICED: dict[str, Priced] = {
    "coingecko": coingecko,
    "coincap": coincap,
    "coinpaprika": coinpaprika,
    "binance": binance,
    "coinbase": coinbase,
    "coingecko-markets": coingecko_markets,
}
POLLING: dict[str, Polling] = {name: PRICED[name] for name in sorted(PRICED)}
HISTORY: dict[str, History] = {"polygon": polygon.MINUTES, "polygon-daily": polygon.DAYS}
TradeRow = Callable[[bytes], tuple[str, Row] | None]
# Providers whose plain trades can be read without building a tick: the native symbol and the candle's row, or None for `parse`.
TRADE_ROWS: dict[str, TradeRow] = {"binance": binance.trade_row}


@lru_cache(maxsize=1024)
def provider_of(source: str) -> Provider:
    """The provider whose name the source's begins with; `Rejected("unknown_source")` where there is none."""
    return PROVIDERS[provider_name(source)]


def provider_name(source: str) -> str:
    """The longest provider's name that the source's begins with; `Rejected("unknown_source")` where there is none."""
    name = max((name for name in PROVIDERS if source == name or source.startswith(name + "-")), key=len, default=None)
    if name is None:
        raise Rejected("unknown_source", f"source {source[:80]!r} begins with no provider's name ({', '.join(PROVIDERS)})")
    return name
