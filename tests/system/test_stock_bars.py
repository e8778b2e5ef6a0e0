"""Hundreds of tickers on one connection: minute bars, trades and quotes, restated bars, processes killed on the way; none lost.

The simulated exchange plays a past session faster than it was; what it said of each minute last is what must be stored.
"""

import json
import os
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from deploy.simulator import stocks
from deploy.simulator.tape import is_restated
from shared.time import from_datetime, to_datetime
from tests.system.services import Services
from tests.system.store import query, until

# All of it: TICKPLANT_TEST_TICKERS=600 TICKPLANT_TEST_MINUTES=30
TICKERS = [f"S{a}{b}" for a in "ABCDEFGHIJKLMNOPQRSTUVWX" for b in "ABCDEFGHIJKLMNOPQRSTUVWXY"][
    : int(os.environ.get("TICKPLANT_TEST_TICKERS", "150"))
]
MINUTES = int(os.environ.get("TICKPLANT_TEST_MINUTES", "12"))
PACE = float(os.environ.get("TICKPLANT_TEST_MINUTE_SECONDS", "0.4"))  # of a played minute
DAY = date(2025, 1, 6)
SEED = 1
OPEN_HOLES = "SELECT count(*) FROM holes WHERE kind = 'bar' AND state <> 'repaired'"
BARS = "SELECT symbol, start, open, high, low, close, volume, vwap FROM bars WHERE source = $1 AND start < $2"


def begin(services: Services, channels: list[str], *, key: str = "secret-key") -> None:
    """A session played to one source of all tickers."""
    services.configure(SIMULATOR__LIMITS="polygon=100000")
    played = {"STOCK_DAY": str(DAY), "STOCK_MINUTE_SECONDS": str(PACE), "SEED": str(SEED), "RATE": "0"}
    services.configure(**{f"SIMULATOR__{name}": value for name, value in played.items()})
    services.start("simulator")
    services.wait_ready("simulator")
    base = f"ws://127.0.0.1:{services.ports['simulator']}/polygon/stocks"
    rest = base.replace("ws://", "http://").removesuffix("/stocks")
    source = {"name": "polygon-sim", "provider": "polygon", "symbols": TICKERS, "channels": channels, "base_url": base, "rest_url": rest}
    services.configure(FETCHER__SOURCES=json.dumps([source]), POLYGON_API_KEY=key, POLYGON__REQUESTS_PER_MINUTE="100000")
    for part in ("transformer", "writer", "api", "fetcher"):
        services.start(part)


def expected() -> dict[tuple[str, int], tuple[Decimal, ...]]:
    """The bars of the session's first minutes, by ticker and start."""
    return {
        (ticker, bar.at * 1000): (*(Decimal(value) / 100 for value in bar[1:5]), Decimal(bar.volume), Decimal(bar.vwap) / 10_000)
        for ticker in TICKERS
        for bar in stocks.minutes(SEED, ticker, DAY)[:MINUTES]
    }


def stored(url: str) -> dict[tuple[str, int], tuple[Decimal, ...]]:
    """Those that are in the store; the session goes on meanwhile."""
    end = to_datetime(stocks.minutes(SEED, TICKERS[0], DAY)[MINUTES].at * 1000)
    return {(row[0], from_datetime(row[1])): tuple(row[2:]) for row in query(url, BARS, "polygon-sim", end)}


@pytest.mark.timeout(600)
def test_no_bar_of_hundreds_of_tickers_is_lost_with_a_fetcher_and_a_transformer_killed(services: Services, database_url: str) -> None:
    begin(services, ["AM"])
    third = len(TICKERS) * MINUTES // 3
    for n, part in enumerate(("fetcher", "transformer"), 1):
        until(lambda: query(database_url, "SELECT count(*) FROM bars")[0][0] >= third * n, True, 180, services.logs)  # noqa: B023 asked at once
        services.kill(part)
        services.start(part)
    wanted = expected()
    until(lambda: differing(wanted, stored(database_url)), [], 240, services.logs)
    assert query(database_url, "SELECT count(*) FROM holes WHERE kind = 'bar'")[0][0], "the fetcher was killed and nothing was missing"
    until(lambda: query(database_url, OPEN_HOLES)[0][0], 0, 60, services.logs)
    check_candles(services, database_url)


def differing(wanted: dict[Any, Any], found: dict[Any, Any]) -> list[Any]:
    """The first bars that are missing or other than they should be, and how many there are."""
    wrong = [(key, wanted.get(key), found.get(key)) for key in sorted(wanted.keys() | found.keys()) if wanted.get(key) != found.get(key)]
    return [len(wrong), *wrong[:3]] if wrong else []


def check_candles(services: Services, url: str) -> None:
    """A bar's candle is the bar, closed once the next minutes have come, and never held against a live one that says otherwise."""
    first = stocks.minutes(SEED, TICKERS[0], DAY)[0]
    closed = "SELECT count(*) FROM candles WHERE source = 'polygon-sim' AND kind = 'bar' AND is_closed"
    until(lambda: query(url, closed)[0][0] >= len(TICKERS) * (MINUTES - 2), True, 60, services.logs)
    assert query(url, "SELECT sum(mismatch) FROM ledger")[0][0] == 0
    services.wait_ready("api")
    asked: dict[str, Any] = {"symbol": TICKERS[0], "source": "polygon-sim", "kind": "bar", "limit": 1}
    [candle] = httpx.get(f"http://127.0.0.1:{services.api_port}/candles", params=asked).json()["results"]
    assert [candle[name] for name in ("open", "high", "low", "close", "volume")] == [*(value / 100 for value in first[1:5]), first.volume]
    restated = next(ticker for ticker in TICKERS if is_restated(ticker))
    [row] = query(url, "SELECT close, last_sequence FROM candles WHERE symbol = $1 AND kind = 'bar' ORDER BY start LIMIT 1", restated)
    assert row[0] == Decimal(stocks.minutes(SEED, restated, DAY)[0].close) / 100


def test_a_wrong_key_is_told_and_never_shown(services: Services) -> None:
    begin(services, ["AM"], key="wrong-and-secret")
    services.wait_ready("fetcher")
    until(lambda: "auth_failed" in services.log("fetcher"), True, 30, services.logs)
    assert "wrong-and-secret" not in services.log("fetcher")
