"""What the api says when the request or the store is bad: a problem document, always, and nothing breaks for the next one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from deploy.local.ports import free_ports
from tests.fixtures.api import serving, store, trade
from tests.fixtures.servers import Server

ROOT = Path(__file__).parents[2]
BAD = [
    ("/candles", "symbol", "is required"),
    ("/ticks", "symbol", "is required"),
    ("/candles?symbol=BTC%00USD", "symbol", "is neither BASE-QUOTE"),
    ("/candles?symbol=", "symbol", "is neither BASE-QUOTE"),
    ("/candles?symbol=%ff%fe", "symbol", "is neither BASE-QUOTE"),
    ("/candles?symbol=%EF%BC%A2TC", "symbol", "is neither BASE-QUOTE"),
    ("/candles?symbol=BTC-USD&symbol=ETH-USD", "symbol", "more than once"),
    ("/candles?symbol=BTC-USD&source=%00", "source", "printable"),
    ("/candles?symbol=BTC-USD&source=", "source", "printable"),
    ("/candles?symbol=BTC-USD&kind=trades", "kind", "is not one of trade, quote, index, bar"),
    ("/candles?symbol=BTC-USD&interval=0m", "interval", "whole number of minutes"),
    ("/candles?symbol=BTC-USD&interval=30s", "interval", "whole number of minutes"),
    ("/candles?symbol=BTC-USD&interval=25h", "interval", "whole number of minutes"),
    ("/candles?symbol=BTC-USD&interval=2d", "interval", "whole number of minutes"),
    ("/candles?symbol=BTC-USD&from=yesterday", "from", "ISO-8601"),
    ("/candles?symbol=BTC-USD&to=1610064000", "to", "ISO-8601"),
    ("/candles?symbol=BTC-USD&to=9999-12-31T23:59:59Z", "to", "between 1970 and 9999"),
    ("/candles?symbol=BTC-USD&from=1969-12-31", "from", "between 1970 and 9999"),
    ("/candles?symbol=BTC-USD&from=0001-01-01T00:00:00%2B14:00", "from", "between 1970 and 9999"),
    ("/candles?symbol=BTC-USD&from=2021-01-09&to=2021-01-08", "from", "expected from <= to"),
    ("/candles?symbol=BTC-USD&as_of=now", "as_of", "ISO-8601"),
    ("/candles?symbol=BTC-USD&kind=bar&as_of=2021-01-08", "as_of", "cannot be asked of bars"),
    ("/candles?symbol=BTC-USD&fill=zero", "fill", "is not one of none, null, previous"),
    ("/candles?symbol=BTC-USD&fill=null", "from", "is required with fill=null"),
    ("/candles?symbol=BTC-USD&limit=0", "limit", "from 1 to 5000"),
    ("/candles?symbol=BTC-USD&limit=5001", "limit", "from 1 to 5000"),
    ("/candles?symbol=BTC-USD&limit=%C2%B2", "limit", "from 1 to 5000"),
    ("/candles?symbol=BTC-USD&limit=1e3", "limit", "from 1 to 5000"),
    ("/candles?symbol=BTC-USD&cursor=x", "cursor", "is not a cursor"),
    ("/ticks?symbol=BTC-USD&cursor=%00", "cursor", "is not a cursor"),
    ("/latest?cursor=AAAA", "cursor", "is not a cursor"),
    ("/symbols?cursor=", "cursor", "is not a cursor"),
    ("/runs?cursor=%C3%A9", "cursor", "is not a cursor"),
    ("/latest?colour=red", "colour", "is not a parameter of /latest; it takes cursor, kind, limit, source, symbol"),
    ("/health?x=1", "x", "is not a parameter of /health; it takes none"),
    ("/runs/%00", "id", "printable"),
    ("/latest?" + "&".join(f"a{n}=1" for n in range(40)), "query", "more than 32"),
]


async def test_each_bad_parameter_is_named_with_what_is_expected(database_url: str) -> None:
    async with serving(database_url) as api:
        for url, parameter, says in BAD:
            response = await api.http.get(url)
            assert response.status_code == 422, (url, response.text)
            assert response.headers["content-type"] == "application/problem+json"
            problem = response.json()
            assert problem["parameter"] == parameter, url
            assert says in problem["detail"], (url, problem["detail"])
            assert (problem["type"], problem["title"], problem["status"]) == ("about:blank", "Unprocessable Entity", 422)


async def test_a_cursor_of_other_filters_is_refused(database_url: str) -> None:
    await store(database_url, [trade("00:00:01", "1"), trade("00:01:01", "1"), trade("00:02:01", "1")])
    async with serving(database_url) as api:
        cursor = re.sub(r".*cursor=", "", (await api.get("/candles", symbol="BTC-USDT", limit=1))["next_url"])
        same = await api.get("/candles", symbol="BTC-USDT", limit=2, cursor=cursor)
        for other in ({"symbol": "ETH-USDT"}, {"symbol": "BTC-USDT", "interval": "5m"}, {"symbol": "BTC-USDT", "source": "binance"}):
            refused = await api.http.get("/candles", params={**other, "cursor": cursor})
            assert (refused.status_code, refused.json()["parameter"]) == (422, "cursor")
    assert len(same["results"]) == 2


async def test_paths_and_methods_that_are_not_served_are_problems_too(database_url: str) -> None:
    async with serving(database_url) as api:
        absent = await api.http.get("/candle")
        posted = await api.http.post("/candles")
        health = await api.http.get("/health")
        head = await api.http.head("/health")
    assert (absent.status_code, absent.json()["title"], absent.json()["instance"]) == (404, "Not Found", "/candle")
    assert (posted.status_code, set(posted.headers["allow"].split(", ")), posted.json()["status"]) == (405, {"GET", "HEAD"}, 405)
    assert {found.headers["content-type"] for found in (absent, posted)} == {"application/problem+json"}
    assert (health.status_code, health.content, head.status_code) == (200, b'{"status":"ok"}', 200)


async def test_every_endpoint_is_documented_and_the_documentation_needs_nothing_from_elsewhere(database_url: str) -> None:
    async with serving(database_url) as api:
        document = await api.get("/openapi.json")
        page = (await api.http.get("/docs")).text
    assert set(document["paths"]) == {
        *(
            "/health",
            "/livez",
            "/readyz",
            "/symbols",
            "/ticks",
            "/candles",
            "/latest",
            "/runs",
            "/runs/{id}",
            "/runs/{id}/cancel",
            "/sources",
        ),
        *("/metrics", "/rejects", "/events", "/ingest", "/trades", "/quotes", "/flags", "/coverage", "/throughput", "/daily/{ticker}"),
        *("/ledger", "/archive", "/archive/download"),
        *("/orders", "/orders/{order_id}", "/orders/{order_id}/fills", "/fills", "/execution-quality"),
    }
    candles = document["paths"]["/candles"]["get"]
    assert [found["name"] for found in candles["parameters"] if found["required"]] == ["symbol"]
    assert {"type": "number"} in document["components"]["schemas"]["Candle"]["properties"]["open"]["anyOf"]
    assert all(f"{method.upper()} {path}" in page for path, served in document["paths"].items() for method in served)
    assert not re.search(r'(?:src|href)="?(?:https?:)?//', page)


async def test_a_fault_inside_is_a_problem_that_tells_nothing_of_the_inside(database_url: str) -> None:
    async with serving(database_url) as api:
        connection = await asyncpg.connect(database_url)
        await connection.execute("ALTER TABLE latest DROP COLUMN size")
        await connection.close()
        response = await api.http.get("/latest")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "size" not in response.text


async def test_a_store_without_tables_is_unavailable(empty_database_url: str) -> None:
    async with serving(empty_database_url) as api:
        bare = await api.http.get("/latest")
        ready = await api.http.get("/readyz")
    assert (bare.status_code, bare.headers["retry-after"]) == (503, "2")
    assert bare.headers["content-type"] == "application/problem+json"
    assert "migrations have not run" in bare.json()["detail"]
    assert (ready.status_code, ready.json()["status"]) == (503, "unready")


async def test_a_locked_table_ends_in_unavailable_and_not_in_waiting(database_url: str) -> None:
    async with serving(database_url) as api:
        connection = await asyncpg.connect(database_url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE latest IN ACCESS EXCLUSIVE MODE")
            started = time.monotonic()
            response = await api.http.get("/latest")
            took = time.monotonic() - started
        again = await api.http.get("/latest")
        await connection.close()
    assert (response.status_code, again.status_code) == (503, 200)
    assert "did not finish within" in response.json()["detail"]
    assert took < 15


async def test_an_outage_of_the_store_is_unavailable_and_its_return_needs_no_restart(database_url: str, postgres: Server) -> None:
    await store(database_url, [trade("00:00:01", "1")])
    with process(database_url) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            before = await client.get("/candles?symbol=BTC-USDT")
            postgres.kill()
            down = await client.get("/candles?symbol=BTC-USDT")
            unready = await client.get("/readyz")
            health = await client.get("/health")
            postgres.start()
            after = await client.get("/candles?symbol=BTC-USDT")
            ready = await client.get("/readyz")
    assert (before.status_code, down.status_code, after.status_code) == (200, 503, 200)
    assert down.headers["content-type"] == "application/problem+json"
    assert down.headers["retry-after"] == "2"
    assert (unready.status_code, list(unready.json()["checks"])) == (503, ["postgres"])
    assert (health.text, ready.json()) == ('{"status":"ok"}', {"status": "ok", "checks": {"postgres": "ok"}})
    assert after.content == before.content


async def test_the_process_starts_while_the_store_is_down(database_url: str, postgres: Server) -> None:
    postgres.stop()
    with process(database_url) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            statuses = [(await client.get(path)).status_code for path in ("/health", "/livez", "/readyz", "/latest", "/docs")]
            postgres.start()
            answer = await client.get("/latest")
    assert statuses == [200, 200, 503, 503, 200]
    assert answer.json() == {"results": [], "next_url": None}


@contextmanager
def process(database_url: str) -> Iterator[str]:
    """`python -m services.api` as it runs in production; it has to leave by itself when it is told to."""
    port, telemetry_port = free_ports(2)
    named = {"DATABASE_URL": database_url, "API_PORT": str(port), "TELEMETRY__PORT": str(telemetry_port)}
    named["TELEMETRY__REPORT_REQUESTS"] = "false"  # there is no Kafka, without which a reporting api is not ready
    running = subprocess.Popen([sys.executable, "-m", "services.api"], cwd=ROOT, env={**os.environ, **named})
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        running.terminate()
        assert running.wait(15) == 0


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the api did not start")
