"""Daily bars from the provider to the api, over every service: pages, kills, repeats and the days that are easily wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.system.services import Services

NAMES = ("simulator", "transformer", "writer", "fetcher", "api")


@pytest.fixture
def stack(services: Services) -> Services:
    """Every service, and the simulated provider with a generous budget and small pages."""
    services.configure(SIMULATOR__RATE="0", SIMULATOR__LIMITS="polygon=100000", SIMULATOR__SYMBOLS="BTC-USD")
    services.start("simulator")
    services.wait_ready("simulator")
    services.configure(
        POLYGON__BASE_URL=f"http://127.0.0.1:{services.ports['simulator']}/polygon",
        POLYGON__SIMULATED="true",
        POLYGON__REQUESTS_PER_MINUTE="100000",
        POLYGON__PAGE="250",
    )
    for name in NAMES[1:]:
        services.start(name)
    for name in NAMES[1:]:
        services.wait_ready(name)
    return services


def tickplant(stack: Services, *arguments: str) -> str:
    """What the command printed; it succeeds."""
    command = [sys.executable, "-m", "services.cli", *arguments]
    done = subprocess.run(command, env=stack.operator(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}{stack.logs()}"
    return done.stdout


def get(stack: Services, path: str) -> Any:
    response = httpx.get(f"http://127.0.0.1:{stack.api_port}{path}", timeout=20)
    assert response.status_code == 200, response.text
    return json.loads(response.text)


def test_one_ticker_is_fetched_stored_and_answered(stack: Services) -> None:
    said = tickplant(stack, "fetch", "daily", "--tickers", "AAPL", "--from", "2024-11-25", "--to", "2024-12-02")
    assert "received 205, stored 205, duplicate 0, rejected 0" in said
    days = get(stack, "/daily/aapl")["results"]
    assert [day["date"] for day in days] == ["2024-11-25", "2024-11-26", "2024-11-27", "2024-11-29", "2024-12-02"]
    assert [day["session"] for day in days] == ["regular", "regular", "regular", "early_close", "regular"]
    assert all(day["market_phase"] for day in days)
    assert {day["source"] for day in days} == {"polygon-daily-sim"}
