"""How venues spell times.

Invariant: pure; no digit of the microsecond is lost.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from deploy.simulator.market import Market

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def iso(us: int) -> bytes:
    """`2023-09-25T07:49:37.708706Z`."""
    at = _EPOCH + timedelta(microseconds=us)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


def coin_name(name: str) -> str:
    """`bitcoin` as people write it."""
    return name.replace("-", " ").title()


def supply(rank: int) -> int:
    """How many coins there are of the rank's coin: something that stays."""
    return 20_000_000 * rank


def change(market: Market) -> str:
    """Percent since the first price, as if that had been a day ago."""
    return f"{100 * (market.last.price - market.listing.start) / market.listing.start:.4f}"
