"""Daily bars from the provider to the api, over every service: pages, kills, repeats and the days that are easily wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.simulator import stocks
from tests.system.services import Services
from tests.system.store import query

NAMES = ("simulator", "transformer", "writer", "fetcher", "api")
TICKERS = ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA")
FROM, TO = date(2023, 3, 1), date(2025, 2, 28)
SAID = "symbol, day, open, high, low, close, volume, vwap, trade_count, adjusted, session, market_phase, average_50, average_200, revision"


@pytest.fixture
def stack(services: Services, tmp_path: Path) -> Services:
    """Every service, and the simulated provider with a generous budget and small pages."""
    services.configure(SIMULATOR__RATE="0", SIMULATOR__LIMITS="polygon=100000", SIMULATOR__SYMBOLS="BTC-USD")
    services.start("simulator")
    services.wait_ready("simulator")
    services.configure(
        POLYGON__BASE_URL=f"http://127.0.0.1:{services.ports['simulator']}/polygon",
        POLYGON__SIMULATED="true",
        POLYGON__REQUESTS_PER_MINUTE="100000",
        POLYGON__PAGE="250",
        WRITER__OUTPUT_FOLDER=str(tmp_path / "output"),
    )
    for name in NAMES[1:]:
        services.start(name)
    for name in NAMES[1:]:
        services.wait_ready(name)
    return services


def tickplant(stack: Services, *arguments: str) -> str:
    """What the command printed; it succeeds."""
    command = [sys.executable, "-m", "services.cli", *arguments]
    done = subprocess.run(command, env=stack.operator(), capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{stack.logs()}"
    return done.stdout


def fetch(stack: Services, first: object, last: object, *tickers: str, options: tuple[str, ...] = ()) -> str:
    """`tickplant fetch daily`."""
    return tickplant(stack, "fetch", "daily", "--from", str(first), "--to", str(last), "--tickers", ",".join(tickers), *options)


def get(stack: Services, path: str) -> Any:
    response = httpx.get(f"http://127.0.0.1:{stack.api_port}{path}", timeout=20)
    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_float=Decimal)


def script(stack: Services, *rules: dict[str, Any]) -> None:
    url = f"http://127.0.0.1:{stack.ports['simulator']}/_control/faults"
    httpx.post(url, json={"faults": list(rules)}).raise_for_status()


def requests(stack: Services) -> list[dict[str, Any]]:
    """What the provider was asked, by its own log."""
    url = f"http://127.0.0.1:{stack.ports['simulator']}/_control/log"
    answer = httpx.get(url, params={"venue": "polygon", "kind": "request"}, timeout=20)
    return [json.loads(line) for line in answer.text.splitlines()]


def until(reached: Callable[[], Any], stack: Services, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < deadline, stack.logs()
        time.sleep(0.05)
    return found


def rows(url: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in query(url, f"SELECT {SAID} FROM daily ORDER BY symbol, day")]


def written(folder: Path, run_id: str, stack: Services) -> Any:
    """`runs/<run_id>.json`, once it is there."""
    path = folder / "output" / "runs" / f"{run_id}.json"
    until(path.exists, stack)
    return json.loads(path.read_text())


def test_daily_bars_are_the_same_killed_repeated_or_clean_and_right_on_odd_days(stack: Services, database_url: str, tmp_path: Path) -> None:
    two_years_killed_and_repeated(stack, database_url, tmp_path)
    odd_days(stack, database_url, tmp_path)
    minutes_on_request(stack)


def two_years_killed_and_repeated(stack: Services, database_url: str, tmp_path: Path) -> None:
    """Five tickers over two years, three pages each: what comes of a killed run is what comes of a clean one."""
    # Killed in the middle: every page takes a while, the fetcher dies behind the seventh of fifteen and another takes the run up.
    script(stack, {"kind": "slow", "venue": "polygon", "delay_ms": 150})
    run_id = fetch(stack, FROM, TO, *TICKERS, options=("--no-wait",)).strip()
    until(lambda: len(requests(stack)) >= 7, stack)
    stack.kill("fetcher")
    stack.start("fetcher")
    run = until(lambda: (found := get(stack, f"/runs/{run_id}"))["status"] == "finished" and found, stack)
    script(stack)
    killed = rows(database_url)
    asked = Counter((request["path"], request["query"].get("cursor", "")) for request in requests(stack))
    assert len(asked) == 15, asked
    assert sum(asked.values()) <= 16, "only the page that was on its way is asked for twice"
    assert run["received"] == run["stored"] + run["duplicate"] + run["rejected"]
    assert (run["stored"], run["rejected"], run["attempts"]) == (5 * 702, 0, 2)
    # What it should be, from the simulated market itself.
    sessions = stocks.daily(1, "AAPL", FROM, TO)
    assert len(killed) == 5 * len(sessions) == 5 * 502
    for ticker in TICKERS:
        bars = [row[1:7] for row in killed if row[0] == ticker]
        days = [day for day in stocks.days() if FROM <= day <= TO]
        assert bars == [
            (day, *(Decimal(cents) / 100 for cents in (bar.open, bar.high, bar.low, bar.close)), bar.volume)
            for day, bar in zip(days, stocks.daily(1, ticker, FROM, TO), strict=True)
        ]
    assert all(row[11] is not None for row in killed)
    assert {row[11] for row in killed} == {"accumulation", "markup", "distribution", "markdown"}
    # Once more, and a part of it: nothing changes, no day is stored twice, no phase depends on the range.
    assert f"received {5 * 702}, stored 0, duplicate {5 * 702}, rejected 0" in fetch(stack, FROM, TO, *TICKERS)
    fetch(stack, "2024-06-03", "2024-06-28", "MSFT", "AAPL")
    assert rows(database_url) == killed
    summary = written(tmp_path, run_id, stack)
    assert (summary["status"], summary["rows"], summary["requests"], summary["retries"]) == ("finished", 5 * 502, summary["requests"], 0)
    assert 15 <= summary["requests"] <= 16
    assert summary["sessions"]["closed"][-3:] == ["2025-01-09", "2025-01-20", "2025-02-17"]
    files = sorted((tmp_path / "output" / "daily" / "NVDA").glob("[0-9]*.json"))  # not the hidden one that is being written again
    assert len(files) == 502
    first = json.loads(files[0].read_text())
    assert (first["ticker"], first["date"], first["session"], first["revision"]) == ("NVDA", "2023-03-01", "regular", 1)


def odd_days(stack: Services, database_url: str, tmp_path: Path) -> None:
    """Changes of the clocks, an early close, a closed day, a Saturday; with an unwell provider."""
    before = rows(database_url)
    said = fetch(stack, "2025-03-01", "2025-03-01", "TSLA")  # a Saturday
    assert "received 0, stored 0, duplicate 0, rejected 0" in said
    summary = written(tmp_path, said.splitlines()[0], stack)
    assert (summary["status"], summary["rows"], summary["bars"]["stored"]) == ("finished", 0, 0)
    closed = fetch(stack, "2025-01-09", "2025-01-09", "TSLA")  # a day of mourning
    assert "stored 0" in closed
    assert rows(database_url) == before
    script(
        stack,
        {"kind": "status", "venue": "polygon", "status": 503, "by": "requests", "count": 2},
        {"kind": "garbage", "venue": "polygon", "how": "truncated", "by": "requests", "after": 2, "count": 1},
        {"kind": "status", "venue": "polygon", "status": 429, "retry_after": 2, "by": "requests", "after": 3, "count": 1},
    )
    said = fetch(stack, "2024-03-08", "2025-01-10", "TSLA")
    script(stack)
    assert "stored 412, duplicate 0, rejected 1 (malformed 1)" in said
    summary = written(tmp_path, said.splitlines()[0], stack)
    assert (summary["rows"], summary["requests"], summary["retries"]) == (212, 6, 4)
    log = requests(stack)[-6:]
    assert [request["status"] for request in log] == [503, 503, 200, 429, 200, 200]
    assert log[4]["at"] - log[3]["at"] >= 2_000_000, "Retry-After is kept to"
    found = {day["date"]: day for day in get(stack, "/daily/TSLA?limit=500")["results"]}
    bars = {row[0]: row[1] for row in query(database_url, "SELECT (start AT TIME ZONE 'UTC')::text, id FROM bars WHERE symbol = 'TSLA'")}
    assert [day for day in found if day[:7] == "2024-03"][:3] == ["2024-03-08", "2024-03-11", "2024-03-12"]  # clocks go forward on the 10th
    assert {"2024-03-08 05:00:00", "2024-03-11 04:00:00", "2024-11-01 04:00:00", "2024-11-04 05:00:00"} <= bars.keys()
    assert [day for day in found if "2024-11-01" <= day <= "2024-11-05"] == [
        "2024-11-01",
        "2024-11-04",
        "2024-11-05",
    ]  # and back on the 3rd
    assert [found[day]["session"] for day in ("2024-11-27", "2024-11-29", "2024-12-02")] == ["regular", "early_close", "regular"]
    assert "2024-11-28" not in found
    assert list(found)[-2:] == ["2025-01-08", "2025-01-10"]


def minutes_on_request(stack: Services) -> None:
    """A backfill of minutes: each is a candle, and together they are the day, however often it is asked for."""
    asked = ("backfill", "--source", "polygon", "--symbol", "TSLA", "--from", "2024-11-29", "--to", "2024-11-30")
    assert "received 210, stored 210, duplicate 0, rejected 0" in tickplant(stack, *asked)
    assert "received 210, stored 0, duplicate 210, rejected 0" in tickplant(stack, *asked)
    query = "/candles?symbol=TSLA&source=polygon-sim&kind=bar&from=2024-11-29&limit=1000"
    (day,) = get(stack, query + "&interval=1d")["results"]
    (whole,) = get(stack, "/daily/TSLA?from=2024-11-29&to=2024-11-29")["results"]
    assert [day[name] for name in ("open", "high", "low", "close", "volume", "trade_count")] == [
        whole[name] for name in ("open", "high", "low", "close", "volume", "trade_count")
    ]
    minutes = get(stack, query)["results"]
    assert (len(minutes), minutes[0]["start"], minutes[-1]["start"]) == (210, "2024-11-29T14:30:00Z", "2024-11-29T17:59:00Z")
    assert all(minute["is_closed"] and minute["tick_count"] == 1 for minute in minutes)
