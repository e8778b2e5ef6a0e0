"""What a source may be, and the budget of requests."""

import asyncio
import time

import pytest

from services.fetcher.live.bucket import Bucket
from services.fetcher.live.choice import checked
from shared.providers.venue import Budget
from shared.settings import Source


def test_symbols_of_a_source_are_made_canonical() -> None:
    source = checked(Source(name="binance-sim", provider="binance", symbols=["btc/usdt"], channels=["trade"]))
    assert source.symbols == ["BTC-USDT"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "binance", "provider": "binance", "channels": ["matches"]}, "streams trade, aggTrade, bookTicker, history, not matches"),
        (
            {"name": "kraken", "provider": "kraken"},
            "cannot be polled; these can: binance, coinbase, coincap, coingecko, coingecko-markets, coinpaprika",
        ),
        ({"name": "mine", "provider": "binance", "channels": ["trade"]}, "is named after its provider"),
        ({"name": "coingecko", "provider": "coingecko", "symbols": ["?"]}, "symbol '\\?' is neither"),
    ],
)
def test_a_source_that_its_provider_does_not_offer_is_refused(given: dict[str, object], says: str) -> None:
    source = Source.model_validate({"symbols": ["BTC-USD"], **given})
    with pytest.raises(ValueError, match=says):
        checked(source)


async def test_a_budget_holds_over_any_window() -> None:
    bucket, begun = Bucket(Budget(3, 0.2)), time.monotonic()
    taken = []
    for _ in range(7):
        await bucket.take()
        taken.append(time.monotonic() - begun)
    assert all(later - earlier >= 0.19 for earlier, later in zip(taken, taken[3:], strict=False))


async def test_callers_at_the_same_time_share_the_budget() -> None:
    bucket, begun = Bucket(Budget(2, 0.2)), time.monotonic()
    await asyncio.gather(*(bucket.take() for _ in range(5)))
    assert time.monotonic() - begun >= 0.39
