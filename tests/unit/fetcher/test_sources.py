"""What a source may be, and the budget of requests."""

import asyncio
import time

import pytest

from services.fetcher.live.bucket import Bucket, Buckets
from services.fetcher.live.choice import checked, watched
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


async def test_a_share_of_a_budget_is_a_part_of_it() -> None:
    buckets = Buckets()
    bucket = buckets.of("x", Budget(12, 60))
    buckets.share(4 / 12)
    assert bucket.left == 4
    assert buckets.of("y", Budget(2, 60)).left == 1


async def test_what_a_share_has_grown_by_counts_as_spent_by_whoever_had_it() -> None:
    bucket, begun = Bucket(Budget(6, 0.3), 0.5), time.monotonic()
    bucket.share(1.0)
    assert bucket.left == 3
    for _ in range(4):
        await bucket.take()
    assert time.monotonic() - begun >= 0.29


async def test_a_request_takes_its_weight_and_one_beyond_the_share_goes_alone() -> None:
    bucket, begun = Bucket(Budget(3, 0.2)), time.monotonic()
    await bucket.take(2)
    assert bucket.left == 1
    await bucket.take(5)
    assert time.monotonic() - begun >= 0.19
    await bucket.take()
    assert time.monotonic() - begun >= 0.39


@pytest.mark.parametrize(
    ("given", "channel", "kinds", "base"),
    [
        ({"channels": ["trade", "bookTicker"]}, "trade", ["quote"], "https://api.binance.com"),
        ({"channels": ["trade"], "base_url": "ws://x/binance"}, "trade", [], ""),
        ({"channels": ["trade"], "base_url": "ws://x/binance", "rest_url": "http://x/binance"}, "trade", [], "http://x/binance"),
        ({"channels": ["bookTicker"]}, None, ["quote"], "https://api.binance.com"),
        ({"channels": ["history"], "base_url": "http://x/binance"}, "trade", [], "http://x/binance"),
        ({}, None, ["index"], ""),
    ],
)
def test_trades_with_ids_are_watched_and_other_kinds_are_lost_with_the_connection(
    given: dict[str, object], channel: str | None, kinds: list[str], base: str
) -> None:
    choice = watched(checked(Source.model_validate({"name": "binance-x", "provider": "binance", "symbols": ["BTC-USDT"], **given})))
    assert (choice.watch.channel if choice.watch else None, choice.kinds, choice.base) == (channel, kinds, base)
    assert choice.keys == (["BTCUSDT"] if given.get("channels") else [""])
