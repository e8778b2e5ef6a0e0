"""Sources of snapshots against simulated venues: breakers, pauses and budgets, by the simulator's own log."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx

from deploy.simulator.faults import Rule
from services.fetcher.live.bucket import Bucket
from services.fetcher.snapshots.asking import Asked
from services.fetcher.snapshots.snapshot import Taking
from shared.providers import PRICED
from shared.providers.venue import Budget
from shared.settings import Keys, Primary, Settings, Snapshots
from shared.snapshots import Snapshot
from tests.fixtures.simulator import Rig, rig

SECONDS = 20.0


class Desk:
    """The sources of a test, and their client."""

    def __init__(self, r: Rig, client: httpx.AsyncClient, *names: str, budgets: dict[str, Budget] | None = None, **options: Any) -> None:
        paths = {"coincap": "coincap/v2", "coingecko-markets": "coingecko"}
        snapshots = Snapshots(**{"backoff_seconds": 0.01, "timeout_seconds": 2.0, "deadline_seconds": 10.0, **options})
        self.settings = Settings(snapshots=snapshots, keys=options.pop("keys", Keys()))
        self.client = client
        self.sources = [
            Asked(
                Primary(name=f"{name}-sim", provider=name, base_url=f"{r.simulator.http}/{paths.get(name, name)}", per_minute=0),
                self.settings,
                Bucket((budgets or {}).get(name) or PRICED[name].BUDGET),
            )
            for name in names
        ]

    async def take(self, *assets: str) -> Snapshot:
        return await Taking(self.settings.snapshots, self.client).take(assets, self.sources)


async def requests(r: Rig, venue: str) -> list[dict[str, Any]]:
    return await r.log(kind="request", venue=venue)


async def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_every_source_gives_the_price_that_the_market_has() -> None:
    async with rig(symbols=("BTC-USD", "ETH-USD", "XRP-USD")) as r, httpx.AsyncClient() as client:
        markets = {(row["venue"], row["symbol"]): row["last_price"] for row in (await r.post("stop"))["markets"]}
        for name in PRICED:
            snapshot = await Desk(r, client, name).take("bitcoin", "ETH", "ripple")
            for asset, symbol in (("bitcoin", "BTC-USD"), ("ETH", "ETH-USD"), ("ripple", "XRP-USD")):
                assert not snapshot.missing, snapshot
                price = next(attempt.prices[asset] for attempt in snapshot.attempts if asset in attempt.prices)
                assert str(price).rstrip("0") == markets[name.removesuffix("-markets"), symbol].rstrip("0"), name
            assert {flag for attempt in snapshot.attempts for flag in attempt.flags} == ({"usdt_as_usd"} if name == "binance" else set())


async def test_what_one_source_lacks_the_next_is_asked_for() -> None:
    async with rig() as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coingecko", "coinpaprika", "binance")
        snapshot = await desk.take("bitcoin", "nosuchcoin", "ethereum")
        assert snapshot.missing == ["nosuchcoin"]
        told = [(attempt.source, attempt.assets, attempt.http_status) for attempt in snapshot.attempts]
        assert told == [
            ("coingecko-sim", ["bitcoin", "nosuchcoin", "ethereum"], 200),
            ("coinpaprika-sim", ["nosuchcoin"], 404),
            ("binance-sim", ["nosuchcoin"], 400),
        ]
        assert [source.breaker.failures for source in desk.sources] == [0, 0, 0]  # who asks for nonsense breaks nothing


async def test_an_open_breaker_asks_nothing_until_its_trial_and_closes_by_it() -> None:
    async with rig() as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coingecko", "coincap", failures=4, open_seconds=1.0)
        r.break_with(Rule("status", venue="coingecko", status=500))
        for _ in range(6):
            assert not (snapshot := await desk.take("bitcoin")).missing
        assert len(await requests(r, "coingecko")) == 4
        assert [skipped.source for skipped in snapshot.skipped] == ["coingecko-sim"]
        assert snapshot.skipped[0].reason.startswith("open for ")
        await until(lambda: not desk.sources[0].unavailable())
        assert [attempt.source for attempt in (await desk.take("bitcoin")).attempts] == ["coingecko-sim", "coincap-sim"]  # the trial
        r.break_with()
        await until(lambda: not desk.sources[0].unavailable())
        assert [attempt.source for attempt in (await desk.take("bitcoin")).attempts] == ["coingecko-sim"]
        assert desk.sources[0].breaker.state == "closed"


async def test_a_slow_body_ends_at_its_time_and_a_dead_venue_at_once() -> None:
    async with rig() as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coingecko", "coincap", timeout_seconds=0.3, attempts=1)
        r.break_with(Rule("slow", venue="coingecko", delay_ms=1500))
        first, second = (await desk.take("bitcoin")).attempts
        assert (first.http_status, first.error, second.source) == (None, "TimeoutError", "coincap-sim")
        assert 250 < first.latency_ms < 1400


async def test_under_load_the_budget_and_retry_after_hold_by_the_venue_s_log() -> None:
    """The venue allows 3 requests a window, we believe in 20: it says when to come again, and nobody comes before."""
    async with rig(limits={"coingecko": 3}) as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coingecko", "coincap", budgets={"coingecko": Budget(20, 60), "coincap": Budget(150, 60)})
        r.break_with(Rule("status", venue="coincap", status=429, retry_after=2, by="requests", after=20, count=1))
        end = time.monotonic() + 5
        taken = []
        while time.monotonic() < end:
            taken += await asyncio.gather(*(desk.take("bitcoin") for _ in range(5)))
        for venue in ("coingecko", "coincap"):
            lines = await requests(r, venue)
            # Five at once are under way when the first is refused: those have been sent, and nothing after them.
            for refused in (line for line in lines if line["status"] == 429):
                answered = refused["at"] + refused["latency_ms"] * 1000
                asked = [line["at"] for line in lines if answered + 250_000 < line["at"] < answered + refused["retry_after"] * 1_000_000]
                assert not asked, (venue, refused, asked)
        paused = await requests(r, "coincap")
        [refused] = [line for line in paused if line["status"] == 429]
        resumed = min(line["at"] for line in paused if line["at"] > refused["at"] + 300_000)
        assert 2_000_000 <= resumed - refused["at"] < 3_000_000
        assert len(await requests(r, "coingecko")) <= 8
        assert all(attempt.prices or attempt.http_status == 429 for snapshot in taken for attempt in snapshot.attempts)


async def test_the_rate_stays_under_the_stated_limit_in_every_window() -> None:
    async with rig() as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coinpaprika", budgets={"coinpaprika": Budget(8, 1)})
        await asyncio.gather(*(desk.take("bitcoin", "ethereum") for _ in range(12)))
        lines = await requests(r, "coinpaprika")
        assert {line["status"] for line in lines} == {200}
        times = [line["at"] for line in lines]
        assert len(times) >= 16
        assert all(later - first > 900_000 for first, later in zip(times, times[8:], strict=False))


async def test_a_key_goes_with_the_request_and_into_nothing_that_is_kept() -> None:
    async with rig() as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coincap")
        desk.sources[0].source = desk.sources[0].source.model_copy(update={"base_url": f"{r.simulator.http}/coincap/v3"})
        refused = await desk.take("bitcoin")
        assert [attempt.http_status for attempt in refused.attempts] == [403]
        desk.settings.keys = Keys.model_validate({"coincap": "s3cret"})
        taking = Taking(desk.settings.snapshots, client)
        snapshot = await taking.take(["bitcoin"], desk.sources)
        assert not snapshot.missing
        assert "s3cret" not in repr((snapshot, taking.answers, desk.sources))
