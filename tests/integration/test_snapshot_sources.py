"""Sources of snapshots against simulated venues: breakers, pauses and budgets, by the simulator's own log."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import msgspec

from deploy.simulator.faults import Rule
from services.fetcher.live.bucket import Bucket
from services.fetcher.snapshots.asking import Asked
from services.fetcher.snapshots.snapshot import Taking
from shared.providers import PRICED
from shared.providers.venue import Budget
from shared.settings import Keys, Primary, Settings, Snapshots
from shared.snapshots import Snapshot
from shared.time import MINUTE
from tests.fixtures.simulator import Rig, rig

SECONDS = 20.0
AT_ONCE = 5


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
        desk = Desk(r, client, "coingecko", "coincap", failures=4, open_seconds=600.0)
        [primary, _] = desk.sources
        r.break_with(Rule("status", venue="coingecko", status=500))
        for _ in range(6):
            assert not (snapshot := await desk.take("bitcoin")).missing
        assert len(await requests(r, "coingecko")) == 4
        assert [skipped.source for skipped in snapshot.skipped] == ["coingecko-sim"]
        assert snapshot.skipped[0].reason.startswith("open for ")
        pass_time(primary)
        assert [attempt.source for attempt in (await desk.take("bitcoin")).attempts] == ["coingecko-sim", "coincap-sim"]  # the trial
        assert primary.unavailable()
        r.break_with()
        pass_time(primary)
        assert [attempt.source for attempt in (await desk.take("bitcoin")).attempts] == ["coingecko-sim"]
        assert primary.breaker.state == "closed"


def pass_time(source: Asked) -> None:
    """As if what the source waits for were over."""
    assert source.unavailable()
    source.breaker = msgspec.structs.replace(source.breaker, until=0.0)


async def test_a_slow_answer_ends_at_its_time() -> None:
    async with rig() as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coingecko", "coincap", timeout_seconds=0.3, attempts=1)
        r.break_with(Rule("slow", venue="coingecko", delay_ms=1500))
        first, second = (await desk.take("bitcoin")).attempts
        assert (first.http_status, first.error, second.source) == (None, "TimeoutError", "coincap-sim")
        assert first.latency_ms > 250


async def test_under_load_the_budget_and_retry_after_hold_by_the_venue_s_log() -> None:
    """One venue allows 3 requests a window where we believe in 20, the other asks for a pause once: nobody comes before its end."""
    async with rig(limits={"coingecko": 3}) as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coingecko", "coincap", budgets={"coingecko": Budget(20, 60), "coincap": Budget(150, 60)})
        r.break_with(Rule("status", venue="coincap", status=429, retry_after=2, by="requests", after=20, count=1))
        taken: list[Snapshot] = []
        end = time.monotonic() + SECONDS
        while len(pauses(lines := await requests(r, "coincap"))) < 1 or not after(lines, pauses(lines)[0]):
            assert time.monotonic() < end
            taken += await asyncio.gather(*(desk.take("bitcoin") for _ in range(AT_ONCE)))
        for venue in ("coingecko", "coincap"):
            lines = await requests(r, venue)
            assert pauses(lines)
            for refused in pauses(lines):
                # Those that were under way when the first was refused have been sent, and nothing after them.
                assert len(during(lines, refused)) < AT_ONCE, (venue, refused)
        windows = Counter(line["at"] // MINUTE for line in await requests(r, "coingecko"))  # as the venue counts them
        assert max(windows.values()) <= 3 + AT_ONCE
        assert all(attempt.prices or attempt.http_status == 429 for snapshot in taken for attempt in snapshot.attempts)


def pauses(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests that were refused with a time to come again."""
    return [line for line in lines if line["status"] == 429]


def during(lines: list[dict[str, Any]], refused: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that came behind a refusal, before its time."""
    return [line for line in lines if refused["n"] < line["n"] and line["at"] < refused["at"] + refused["retry_after"] * 1_000_000]


def after(lines: list[dict[str, Any]], refused: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that came when its time was over."""
    return [line for line in lines if line["at"] >= refused["at"] + refused["retry_after"] * 1_000_000]


async def test_the_rate_stays_under_the_stated_limit_in_every_window() -> None:
    """Asked for far more than it allows at once, by a venue of ten a second of which we use four."""
    async with rig() as r, httpx.AsyncClient() as client:
        desk = Desk(r, client, "coinpaprika", budgets={"coinpaprika": Budget(4, 1)})
        snapshots = await asyncio.gather(*(desk.take("bitcoin", "ethereum") for _ in range(20)))
        lines = await requests(r, "coinpaprika")
        assert {line["status"] for line in lines} == {200}
        assert len(lines) == sum(len(snapshot.attempts) for snapshot in snapshots) >= 8
        seconds = (lines[-1]["at"] - lines[0]["at"]) / 1_000_000
        assert len(lines) <= 4 * (seconds + 1) + 4
        assert {skipped.reason for snapshot in snapshots for skipped in snapshot.skipped} == {"no budget left"}


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
