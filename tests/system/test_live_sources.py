"""The venues, simulated: disconnects, holes, duplicates, disorder and malformed frames, with every process killed on the way.

Every trade from a source's first one on is stored, once, whatever was lost on the way: by the exchange's own log. What was missing is on
the ledger of holes, each repaired; while the venues' history does not answer it is there as open.

    fetcher     ^ first frames lost      x killed
    history     .........................[ does not answer ]....................
    stream      ..d..g..d..g..d..g..d..g..d..g..d..g..d..   d: disconnect, g: trades not sent
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import pytest

from shared.time import to_datetime
from tests.system.services import Services
from tests.system.store import query, until

# A run of ten minutes: TICKPLANT_TEST_LIVE_SECONDS=600
SECONDS = float(os.environ.get("TICKPLANT_TEST_LIVE_SECONDS", "40"))
DISCONNECTS, HOLES = 10, 20
DEAD_SECONDS = 20  # at most, from the fetcher's death to its successor's first frame, and with growing pauses after disconnects
VENUES = {"binance": ("BTC-USDT", ["trade"]), "coinbase": ("BTC-USD", ["matches"]), "kraken": ("BTC-USD", ["trade"])}
NATIVE = {"binance": "BTCUSDT", "coinbase": "BTC-USD", "kraken": "BTC/USD"}
FIRST_FRAMES = {"seed": 1, "faults": [{"kind": "gap"}]}
FAULTS = [
    {"kind": "disconnect", "after": SECONDS / DISCONNECTS / 2, "every": SECONDS / DISCONNECTS, "times": DISCONNECTS},
    # The first, and every second one after it, lies across a disconnect.
    {"kind": "gap", "after": SECONDS / DISCONNECTS / 2 - 0.4, "every": SECONDS / HOLES, "seconds": 0.8, "times": HOLES},
    {"kind": "status", "status": 503, "after": SECONDS * 0.35, "seconds": SECONDS * 0.25, "times": 1},  # no history meanwhile
    {"kind": "malformed", "probability": 0.005},
    {"kind": "malformed", "probability": 0.002, "replace": True},
    {"kind": "duplicate", "probability": 0.02},
    {"kind": "disorder", "probability": 0.02, "delay_ms": 1000},
]


@pytest.mark.timeout(SECONDS + 240)
def test_every_trade_is_stored_once_and_every_hole_is_repaired(services: Services, database_url: str) -> None:
    simulator = begin(services)
    for part in ("transformer", "writer", "api", "fetcher"):
        services.start(part)
        services.wait_ready(part)
    until(lambda: listened(simulator), set(VENUES), 30, services.logs)
    time.sleep(1)
    began = datetime.now(UTC)
    httpx.post(f"{simulator}/_control/faults", json={"seed": 7, "faults": [*FAULTS, across_a_minute(began)]}).raise_for_status()
    restart_after(services, SECONDS * 0.2, "transformer", "writer")
    time.sleep(max(0.0, SECONDS * 0.55 - (datetime.now(UTC) - began).total_seconds()))
    check_open(services)
    restart_after(services, max(0.0, SECONDS * 0.675 - (datetime.now(UTC) - began).total_seconds()), "fetcher", "transformer")
    time.sleep(max(0.0, SECONDS - (datetime.now(UTC) - began).total_seconds()))
    for venue in VENUES:
        httpx.post(f"{simulator}/_control/stop", params={"venue": venue}).raise_for_status()
    for venue in VENUES:
        check_venue(database_url, venue, log(simulator, venue), services)
    check_ledger(database_url, began, services)
    check_origins(services)


def restart_after(services: Services, seconds: float, *parts: str) -> None:
    """kill -9 for all of them, and new ones."""
    time.sleep(seconds)
    for part in parts:
        services.kill(part)
    for part in parts:
        services.start(part)


def check_open(services: Services) -> None:
    """While the history does not answer, the ledger and the candles say what is missing."""
    holes = ask(services, "/coverage", state="open")
    # A source that is waiting to connect again does not know yet what it misses; its coverage ends with its last word.
    assert holes, services.logs()
    assert all("503" in hole["message"] for hole in holes if hole["message"])
    for venue, (symbol, _) in VENUES.items():
        found = ask(services, "/candles", source=f"{venue}-sim", symbol=symbol)
        assert min(candle["coverage"] for candle in found) < 1, found


def ask(services: Services, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """The results of the api."""
    answer = httpx.get(f"http://127.0.0.1:{services.api_port}{path}", params={"limit": 5000, **parameters}, timeout=20)
    answer.raise_for_status()
    return list(answer.json()["results"])


def begin(services: Services) -> str:
    """A simulated exchange at 60 trades a second that sends none at first, and the sources that listen to it."""
    services.configure(
        SIMULATOR__RATE="60", SIMULATOR__SYMBOLS="BTC-USD", SIMULATOR__RING=str(int(SECONDS * 1000)), SIMULATOR__HISTORY="50000"
    )
    services.start("simulator")
    services.wait_ready("simulator")
    base = f"http://127.0.0.1:{services.ports['simulator']}"
    httpx.post(f"{base}/_control/faults", json=FIRST_FRAMES).raise_for_status()
    addresses = {v: {"base_url": f"{base.replace('http', 'ws')}/{v}", "rest_url": f"{base}/{v}"} for v in VENUES}
    sources = [{"name": f"{v}-sim", "provider": v, "symbols": [s], "channels": c, **addresses[v]} for v, (s, c) in VENUES.items()]
    services.configure(FETCHER__SOURCES=json.dumps(sources))
    return base


def listened(simulator: str) -> set[str]:
    """The venues that have a listener."""
    connections = httpx.get(f"{simulator}/_control/stats").json()["connections"]
    return {connection["venue"] for connection in connections if connection["streams"]}


def across_a_minute(now: datetime) -> dict[str, Any]:
    """A hole that spans the next change of the minute, where the run comes to it."""
    return {"kind": "gap", "after": 59.5 - now.second - now.microsecond / 1e6 + (60 if now.second >= 59 else 0), "every": 60, "seconds": 1}


def log(simulator: str, venue: str) -> dict[int, dict[str, Any]]:
    """What the exchange issued, by trade id."""
    answer = httpx.get(f"{simulator}/_control/log", params={"venue": venue, "symbol": NATIVE[venue], "kind": "trade"}, timeout=30)
    assert answer.headers["x-log-complete"] == "true"
    return {line["id"]: line for line in map(json.loads, answer.text.splitlines())}


def check_venue(url: str, venue: str, issued: dict[int, dict[str, Any]], services: Services) -> None:
    """Ids, values and candles against the exchange's own log."""
    source = f"{venue}-sim"
    begun = query(url, "SELECT begun_at FROM sources WHERE source = $1", source)[0][0]
    first = query(url, "SELECT min(sequence) FROM ticks WHERE source = $1", source)[0][0]
    assert to_datetime(issued[first]["at"]) <= begun, "the source begins before its first connection"
    wanted = {number: trade for number, trade in issued.items() if number >= first}
    assert len(wanted) > SECONDS * 30

    def missing() -> list[int]:
        return sorted(wanted.keys() - {row[0] for row in query(url, "SELECT sequence FROM ticks WHERE source = $1", source)})[:5]

    until(missing, [], 60, services.logs)
    rows = query(url, "SELECT sequence, id, price, size, event_time FROM ticks WHERE source = $1", source)
    assert len(rows) == len(wanted), "none double"
    for number, name, price, size, at in rows:
        trade = wanted[number]
        assert (name, price, size) == (str(number), Decimal(trade["price"]), Decimal(trade["size"]))
        assert abs(at - to_datetime(trade["at"])) < timedelta(milliseconds=1)
    check_candles(url, source, wanted)


def check_ledger(url: str, began: datetime, services: Services) -> None:
    """Every hole has ended well, and there are as many as were made; then no candle of a minute that has ended lacks anything."""
    until(lambda: [tuple(row) for row in query(url, "SELECT source, first_id FROM holes WHERE state <> 'repaired'")], [], 40, services.logs)
    for venue in VENUES:
        found = query(url, "SELECT first_id, last_id, reason, found_at FROM holes WHERE source = $1 ORDER BY first_id", f"{venue}-sim")
        # Those that were made while there was no fetcher are one hole.
        assert len(found) >= HOLES - DEAD_SECONDS * HOLES / SECONDS, (venue, [tuple(row) for row in found])
        reasons = [row[2] for row in found]
        assert venue == "coinbase" or reasons[0] == "before the first frame"  # whose first frame is the newest match before it
        assert any("died" in reason for reason in reasons), (venue, sorted(set(reasons)))
        assert any("Connection" in reason for reason in reasons), reasons
        assert ask(services, "/coverage", source=f"{venue}-sim", state="open") == []
        assert len(ask(services, "/coverage", source=f"{venue}-sim", state="repaired")) == len(found)
        candles = ask(services, "/candles", source=f"{venue}-sim", symbol=VENUES[venue][0])
        # The first minute had begun before the source had, the last one has not ended.
        assert all(candle["coverage"] == 1 for candle in candles[1:-1]), candles
        assert all(before[1] < behind[0] for before, behind in pairwise(found)), "no id is in two holes"


def check_origins(services: Services) -> None:
    """A repaired candle, taken apart by the operator's command: frames of the stream and pages of the venue's history, all its ticks."""
    symbol = VENUES["binance"][0]
    hole = ask(services, "/coverage", source="binance-sim")[-1]
    (candle, *_) = ask(services, "/candles", source="binance-sim", symbol=symbol, **{"from": hole["start"]})
    command = [sys.executable, "-m", "services.cli", "trace", symbol, hole["start"], "--source", "binance-sim"]
    said = subprocess.run(command, env={**os.environ, **services.operator()}, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    lines = [
        line.split(None, 5) for line in said.stdout.splitlines() if line.endswith("frames of the stream") or "  answer of http" in line
    ]
    assert {line[5].partition(" ")[0] for line in lines} == {"frames", "answer"}, said.stdout
    assert sum(int(line[2]) for line in lines) == candle["tick_count"], said.stdout


def check_candles(url: str, source: str, trades: dict[int, Any]) -> None:
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
