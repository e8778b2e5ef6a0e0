"""The venues, simulated: disconnects, duplicates, disorder and malformed frames, with every process killed on the way.

What is missing in the store lies in the gaps that the fetcher recorded; everything else is there, once, and the candles follow from it.
"""

import json
import os
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from shared.time import to_datetime
from tests.system.services import Services
from tests.system.store import query, until

# A run of ten minutes: TICKPLANT_TEST_LIVE_SECONDS=600
SECONDS = float(os.environ.get("TICKPLANT_TEST_LIVE_SECONDS", "40"))
VENUES = {"binance": ("BTC-USDT", ["trade"]), "coinbase": ("BTC-USD", ["matches"]), "kraken": ("BTC-USD", ["trade"])}
NATIVE = {"binance": "BTCUSDT", "coinbase": "BTC-USD", "kraken": "BTC/USD"}
# A frame may be issued just before its connection breaks and counted as received just after: network and buffers of one machine.
SLACK = timedelta(seconds=2.5)
FAULTS = {
    "seed": 7,
    "faults": [
        {"kind": "disconnect", "after": SECONDS / 12, "every": SECONDS / 6, "jitter": 2, "how": "abort"},
        {"kind": "malformed", "probability": 0.005},
        {"kind": "duplicate", "probability": 0.02},
        {"kind": "disorder", "probability": 0.03, "delay_ms": 1500},
    ],
}


@pytest.mark.timeout(SECONDS + 240)
def test_what_is_missing_lies_in_a_recorded_gap_and_everything_else_is_there_once(services: Services, database_url: str) -> None:
    simulator = begin(services)
    for part in ("transformer", "writer", "fetcher"):
        services.start(part)
        services.wait_ready(part)
    httpx.post(f"{simulator}/_control/faults", json=FAULTS).raise_for_status()
    third = SECONDS / 3
    for killed in (("transformer", "writer"), ("fetcher", "transformer", "writer")):
        time.sleep(third)
        for part in killed:
            services.kill(part)
        for part in killed:
            services.start(part)
    time.sleep(third)
    for venue in VENUES:
        httpx.post(f"{simulator}/_control/stop", params={"venue": venue}).raise_for_status()
    issued = {venue: log(simulator, venue) for venue in VENUES}
    assert all(len(trades) > 100 for trades in issued.values())
    settle(database_url, services)
    check(database_url, issued, services)


def begin(services: Services) -> str:
    """A simulated exchange at 60 trades a second, and the sources that listen to it."""
    services.configure(SIMULATOR__RATE="60", SIMULATOR__SYMBOLS="BTC-USD", SIMULATOR__RING=str(int(SECONDS * 1000)))
    services.start("simulator")
    services.wait_ready("simulator")
    base = f"http://127.0.0.1:{services.ports['simulator']}"
    sources = [
        {"name": f"{v}-sim", "provider": v, "symbols": [s], "channels": c, "base_url": f"{base.replace('http', 'ws')}/{v}"}
        for v, (s, c) in VENUES.items()
    ]
    services.configure(FETCHER__SOURCES=json.dumps(sources))
    return base


def log(simulator: str, venue: str) -> dict[str, Any]:
    """What the exchange issued, by trade id."""
    answer = httpx.get(f"{simulator}/_control/log", params={"venue": venue, "symbol": NATIVE[venue], "kind": "trade"}, timeout=30)
    assert answer.headers["x-log-complete"] == "true"
    return {str(line["id"]): line for line in map(json.loads, answer.text.splitlines())}


def settle(url: str, services: Services) -> None:
    """Until nothing more is stored for three seconds."""
    seen: list[int] = []

    def still() -> bool:
        seen.append(query(url, "SELECT count(*) FROM ticks")[0][0])
        time.sleep(0.8)
        return len(seen) > 4 and len(set(seen[-4:])) == 1 and seen[-1] > 0

    until(still, True, 90, services.logs)


def check(url: str, issued: dict[str, dict[str, Any]], services: Services) -> None:
    """Ids, values, gaps and candles against the exchange's own log."""
    first = {row[0]: row[1] for row in query(url, "SELECT source, min(received_at) FROM ticks GROUP BY source")}
    for venue, trades in issued.items():
        source = f"{venue}-sim"
        stored = {row[0]: row[1:] for row in query(url, "SELECT id, price, size, event_time FROM ticks WHERE source = $1", source)}
        gaps = query(url, 'SELECT start, "end", reason FROM source_gaps WHERE source = $1 ORDER BY start', source)
        assert gaps, f"no gap of {source}\n{services.logs()}"
        assert any("died" in gap[2] for gap in gaps)
        assert stored.keys() <= trades.keys()
        for number in trades.keys() - stored.keys():
            at = to_datetime(trades[number]["at"])
            assert at < first[source] or covered(at, gaps), (venue, trades[number], [tuple(gap) for gap in gaps])
        for number, (price, size, at) in stored.items():
            trade = trades[number]
            assert (price, size) == (Decimal(trade["price"]), Decimal(trade["size"]))
            assert abs(at - to_datetime(trade["at"])) < timedelta(milliseconds=1)
        check_candles(url, source, {number: trades[number] for number in stored})


def covered(at: datetime, gaps: list[Any]) -> bool:
    """Whether a moment lies in a gap."""
    return any(start - SLACK <= at <= end + SLACK for start, end, _ in gaps)


def check_candles(url: str, source: str, trades: dict[str, Any]) -> None:
    """Volume, extremes and counts a minute, from the exchange's log."""
    minutes: dict[datetime, list[Any]] = {}
    for trade in trades.values():
        minutes.setdefault(to_datetime(trade["at"] - trade["at"] % 60_000_000), []).append(trade)
    expected = {
        start: (
            max(Decimal(t["price"]) for t in found),
            min(Decimal(t["price"]) for t in found),
            sum(Decimal(t["size"]) for t in found),
            len(found),
        )
        for start, found in minutes.items()
    }
    rows = query(url, "SELECT start, high, low, volume, tick_count FROM candles WHERE source = $1 AND kind = 'trade'", source)
    assert {row[0]: tuple(row[1:]) for row in rows} == expected
