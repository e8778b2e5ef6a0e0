"""Three fetchers share the sources out; one is killed, and its sources go on elsewhere, from where it stood: by the simulator's own log.

fetcher-1   a b ......      a, b: owned sources, each asking for its trades in pages behind its checkpoint
fetcher-2   c d x           x: kill -9
fetcher-3   e f . c d ...   within the session timeout and a rebalance
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from shared.events import SourceState
from shared.records import TAPE_PAGE
from shared.settings import Kafka
from shared.topics import MARKET_RAW, SOURCES
from tests.system.services import Services
from tests.system.store import headers, published, until

BASES = ("BTC", "SOL", "BCH", "ETC", "ETH", "LTC")
FETCHERS = ("fetcher-1", "fetcher-2", "fetcher-3")


def test_a_killed_fetchers_sources_go_on_elsewhere_and_no_interval_is_fetched_twice(services: Services, kafka_settings: Kafka) -> None:
    services.configure(SIMULATOR__RATE="20", SIMULATOR__SYMBOLS=",".join(f"{base}-USD" for base in BASES), SIMULATOR__FIRST_ID="clock")
    services.start("simulator")
    services.wait_ready("simulator")
    simulator = f"http://127.0.0.1:{services.ports['simulator']}"
    configured = [source(base, simulator) for base in BASES[:-1]]
    services.configure(FETCHER__SOURCES=json.dumps(configured))
    for name in FETCHERS:
        services.start(name)
    for name in FETCHERS:
        services.wait_ready(name)
    names = {f"binance-{base.lower()}" for base in BASES}

    added = source(BASES[-1], simulator)
    httpx.put(f"{port(services, FETCHERS[0])}/sources/{added['name']}", json=added, timeout=20).raise_for_status()
    until(lambda: sorted(name for found in owners(services, FETCHERS).values() for name in found), sorted(names), 40, services.logs)
    before = owners(services, FETCHERS)
    until(lambda: len(fetched(simulator)) == len(BASES), True, 30, services.logs)

    killed = max(FETCHERS, key=lambda name: len(before[name]))
    killed_at = time.monotonic()
    services.kill(killed)
    left = [name for name in FETCHERS if name != killed]
    until(lambda: sorted(name for found in owners(services, left).values() for name in found), sorted(names), 40, services.logs)
    took = time.monotonic() - killed_at
    assert took < 2 * kafka_settings.session_timeout_ms / 1000 + 5, took
    for name in left:
        assert before[name] <= owners(services, [name])[name], "what was not the dead one's has stayed where it was"
    counts = {symbol: len(found) for symbol, found in fetched(simulator).items()}
    until(lambda: all(len(found) > counts[symbol] + 1 for symbol, found in fetched(simulator).items()), True, 30, services.logs)

    gone = min(before[killed])
    httpx.delete(f"{port(services, left[0])}/sources/{gone}", timeout=20).raise_for_status()
    until(lambda: gone in {name for found in owners(services, left).values() for name in found}, False, 20, services.logs)
    for name in left:
        assert services.stop(name) == 0
    check_intervals(simulator, kafka_settings)
    check_states(kafka_settings, {f"binance-{base.lower()}" for base in BASES}, gone, before[killed])


def source(base: str, simulator: str) -> dict[str, Any]:
    """One that follows one symbol's trades."""
    address = {"base_url": f"{simulator}/binance", "interval_seconds": 2}  # the six stay within the budget
    return {"name": f"binance-{base.lower()}", "provider": "binance", "symbols": [f"{base}-USDT"], "channels": ["history"], **address}


def port(services: Services, name: str) -> str:
    return f"http://127.0.0.1:{services.ports[name]}"


def owners(services: Services, names: Sequence[str]) -> dict[str, set[str]]:
    """Which sources run where."""
    return {name: {one["name"] for one in httpx.get(f"{port(services, name)}/sources").json()["results"]} for name in names}


def fetched(simulator: str) -> dict[str, list[int]]:
    """The first id of each page that held trades, by symbol, in the order of the requests."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in httpx.get(f"{simulator}/_control/log", params={"kind": "request"}, timeout=30).text.splitlines():
        request = json.loads(line)
        if "fromId" in request["query"] and request["status"] == 200 and request["bytes"] > 2:
            found[request["query"]["symbol"]].append(int(request["query"]["fromId"]))
    return found


def check_intervals(simulator: str, kafka: Kafka) -> None:
    """A page is fetched twice only if its answer was on its way when the fetcher died: then the log has it once."""
    kept: Counter[str] = Counter()
    for told in headers(kafka, MARKET_RAW):
        if told.get("ce_type") == TAPE_PAGE:
            query = parse_qs(urlsplit(told["url"].decode()).query)
            if "fromId" in query:
                kept[f"{query['symbol'][0]} {query['fromId'][0]}"] += 1
    for symbol, firsts in fetched(simulator).items():
        again = [first for first, count in Counter(firsts).items() if count > 1]
        assert all(kept[f"{symbol} {first}"] <= 1 for first in again), (symbol, again)
        assert len(again) <= 1, (symbol, again)
        assert firsts == sorted(firsts)


def check_states(kafka: Kafka, names: set[str], gone: str, moved: set[str]) -> None:
    """What was left goes on, what was deleted is closed, and an owner's epoch is greater than the one before it."""
    epochs: dict[str, set[int]] = defaultdict(set)
    states: dict[str, SourceState] = {}
    for key, value in published(kafka, SOURCES):
        if value.get("type") == "source":
            epochs[value["source"]].add(value["epoch"])
            states[(key or b"").decode()] = value
    assert states.keys() == names
    assert {name: value["state"] for name, value in states.items()} == {name: "closed" if name == gone else "left" for name in names}  # type: ignore[index]
    assert all(len(epochs[name]) >= 2 for name in moved)
