"""Requests that nobody should send, to every endpoint of the OpenAPI document: answered with 2xx or 4xx, never 500, never late."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from services.api import bodies
from services.api.app import Application
from services.api.protocol import Context
from services.api.store import connect
from shared import runs as rules
from shared import settings, tasks
from shared.bus.outlet import Outlet
from shared.settings import Kafka
from shared.telemetry.probes import Health
from shared.topics import RUNS
from tests.fixtures import runs
from tests.fixtures.api import serving

SECONDS = 5.0  # for one answer
VALUES = (
    *("", "%00", "BTC%00USD", "%ff%fe", "%ed%a0%80", "%F0%9F%92%A9", "a" * 5000, "'", "%25", "..%2F..%2F", "%0d%0aX: 1", "NaN", "Infinity"),
    *("0", "-1", "1.5", "1e400", str(2**31), str(2**63), str(2**64), "9" * 400, "%C2%B2", "%D9%A1", "true", "null", "[]", "{}"),
    *("0000-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2021-02-30", "2021-01-01T00:00:00%2B23:59", "10000-01-01", "W"),
    *("1m", "1d", "999999999d", "1s", "AAAA", "gAAAAAAA", "binance", "BTC-USD", "trade", "2021-01-08", "orders-x", "buy"),
)
OBJECT = {
    "events": '{"event_id":"e","service":"s","event_type":"t","timestamp":"2026-11-30T00:00:00Z"}',
    "ticks": '{"source":"push-mine","symbol":"BTC-USD","time":"2026-11-30T00:00:00Z","price":"1.5","size":"1","id":"a"}',
    "orders": (
        '{"order_id":"o","symbol":"AAPL","side":"buy","quantity":1,"limit_price":1,"timestamp":"2026-11-30T00:00:00Z","destination":"X"}'
    ),
    "trades": (
        '{"trade_id":"t","order_id":"o","symbol":"AAPL","side":"buy","exec_quantity":1,"exec_price":1,'
        '"exec_timestamp":"2026-11-30T00:00:00Z","destination":"X"}'
    ),
    "quotes": '{"symbol":"AAPL","bid":1,"ask":2,"timestamp":"2026-11-30T00:00:00Z"}',
    "ingest": '{"orders_url":"/o","trades_url":"/t","nbbo_url":"/n","timezone":"UTC"}',
}
HOSTILE = (
    *('["a"]', '{"a":1}', "null", "true", "NaN", "Infinity", "-Infinity", "1e400", "1e999999999", "-1e-999999999", "0", "-1", str(2**63)),
    *(
        "9" * 400,
        "0." + "9" * 400,
        '""',
        '" "',
        r'"\u0000"',
        r'"a\u0000b"',
        r'"\ud800"',
        '"\x00"',
        f'"{"a" * 100_000}"',
        f'"x{" " * 64_000}x"',
    ),
    *(
        r'"\u202e"',
        '"0000-00-00T00:00:00Z"',
        '"9999-12-31T23:59:59.9999999Z"',
        '"http://[::1"',
        '"../../etc/passwd"',
        '"=1+1"',
        '"a,b\\n\\"c"',
    ),
    *('"' + "1" * 5000 + '"', '"1e1000000"', '"NaN"', '"sNaN"', '"-0"', '"٣"', '"1_000"', "[" * 5000 + "]" * 5000),
)


def bodies_of(kind: str) -> Iterator[bytes]:
    """Whole bodies that are not the fact, then the fact with each field replaced."""
    good = OBJECT[kind]
    yield from (
        b"",
        b" ",
        b"[]",
        b"[[]]",
        b"[null]",
        b"{}",
        b"[{}]",
        b"null",
        b"1",
        b'"a"',
        b"\xff\xfe",
        b"\x00",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    )
    yield from (good.encode()[:-1], good.encode() + b"x", good.encode("utf-16"), b"\xef\xbb\xbf" + good.encode(), f"[{good},]".encode())
    yield from (good.encode().replace(b"2026", b"\xd6026"), b"[" + b",".join([good.encode()] * 50_000) + b"]", f"{good}\n{good}".encode())
    for name, value in product(json.loads(good), HOSTILE):
        yield _replaced(good, name, value)
    for name in json.loads(good):
        yield _doubled(good, name)
    yield (good[:-1] + ',"\\u0000":1,"__class__":{"a":[]}}').encode()
    yield (good[:-1] + "".join(f',"k{n}":{n}' for n in range(10_000)) + "}").encode()


def _replaced(good: str, name: str, value: str) -> bytes:
    fields = ",".join(f"{json.dumps(key)}:{value if key == name else json.dumps(found)}" for key, found in json.loads(good).items())
    return ("{" + fields + "}").encode("utf-8", "surrogatepass")


def _doubled(good: str, name: str) -> bytes:
    return (good[:-1] + f',{json.dumps(name)}:["twice"]' + "}").encode()


@asynccontextmanager
async def api(kafka: Kafka, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The application over the database, with a way to Kafka."""
    store = await connect(settings.Database(url=SecretStr(url)))
    health = Health()
    outlet = Outlet(kafka, health, client_id="test")
    sending = tasks.start(outlet.run())
    bounds = settings.Api(ingest_wait_seconds=0)
    application = Application(Context(store, bounds, health, outlet))
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(application, raise_app_exceptions=False), base_url="http://api"
        ) as client:
            yield client
    finally:
        await outlet.close()
        sending.cancel()
        await store.close()


async def judged(label: str, request: Any, faults: list[str]) -> None:
    begun = time.monotonic()
    response = await request
    seconds = time.monotonic() - begun
    expected = response.status_code < 500 or (response.status_code == 503 and "no archive" in response.text)
    if not expected or seconds > SECONDS:
        faults.append(f"{response.status_code} in {seconds:.1f} s: {label[:300]} -> {response.text[:200]}")
    elif response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json", label
        assert len(response.json()["detail"]) > 5, label


async def test_no_body_is_answered_with_a_fault(kafka_settings: Kafka, database_url: str) -> None:
    faults: list[str] = []
    async with api(kafka_settings, database_url) as client:
        document = (await client.get("/openapi.json")).json()
        posted = [path for path, served in document["paths"].items() if "post" in served and "{" not in path]
        assert {path.strip("/") for path in posted} == OBJECT.keys()
        for path in posted:
            if path != "/ingest":
                assert (await client.post(path, content=OBJECT[path.strip("/")])).status_code == 202
            found = list(bodies_of(path.strip("/")))
            for start in range(0, len(found), 128):
                asked = [
                    judged(f"POST {path} {body[:300]!r}", client.post(path, content=body), faults) for body in found[start : start + 128]
                ]
                await asyncio.gather(*asked)
    assert faults == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/orders", OBJECT["orders"].replace('"o"', '["o"]')),
        ("/orders", OBJECT["orders"].replace('"o"', "{}")),
        ("/trades", OBJECT["trades"].replace('"o"', "true")),
        *((path, "[]") for path in ("/events", "/ticks", "/orders", "/trades", "/quotes")),
    ],
)
async def test_an_id_that_is_no_text_and_an_empty_array_are_refused(database_url: str, path: str, body: str) -> None:
    async with serving(database_url) as api_without_kafka:
        response = await api_without_kafka.http.post(path, content=body)
    assert (response.status_code, response.json()["parameter"]) == (422, "body")


async def test_no_parameter_is_answered_with_a_fault(kafka_settings: Kafka, database_url: str) -> None:
    faults: list[str] = []
    async with api(kafka_settings, database_url) as client:
        document = (await client.get("/openapi.json")).json()
        urls = [url for path, served in document["paths"].items() if "get" in served for url in _urls(path, served["get"]["parameters"])]
        for start in range(0, len(urls), 128):
            await asyncio.gather(*(judged(url, client.get(url), faults) for url in urls[start : start + 128]))
    assert len(urls) > 3000
    assert faults == []


def _urls(path: str, parameters: list[dict[str, Any]]) -> Iterator[str]:
    """The path with each hostile value for each parameter, the required ones being as they should for the others."""
    good = {"symbol": "BTC-USD", "key": "x", "service": "s"}
    for parameter, value in product(parameters, VALUES):
        name = parameter["name"]
        needed = {found["name"] for found in parameters if found["required"] and found["in"] == "query"} - {name}
        query = "&".join(f"{other}={good.get(other, 'x')}" for other in sorted(needed))
        if parameter["in"] == "path":
            yield path.replace("{" + name + "}", value or "%20") + (f"?{query}" if query else "")
        else:
            yield f"{path}?{name}={value}" + (f"&{query}" if query else "")
    yield f"{path.replace('{', '').replace('}', '')}?{quote(chr(0))}=1"


async def test_a_body_that_never_ends_is_refused(kafka_settings: Kafka, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)

    async def slow() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    async with api(kafka_settings, database_url) as client:
        for path in OBJECT:
            assert (await client.post(f"/{path}", content=slow())).status_code == 408
            assert (await client.post(f"/{path}", content=endless())).status_code == 413
            packed = await client.post(f"/{path}", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
            assert packed.status_code == 415


async def test_a_run_is_cancelled_by_a_record_and_one_that_has_ended_is_not(kafka_settings: Kafka, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    for run_id, status in (("prices-a", "running"), ("prices-b", "finished")):
        row = (run_id, "prices", status, "csv", "{}")
        await connection.execute(
            "INSERT INTO runs (run_id, run_kind, status, source, request, requested_at, updated_at) "
            "VALUES ($1, $2, $3, $4, $5, now(), now())",
            *row,
        )
    await connection.close()
    async with api(kafka_settings, database_url) as client:
        asked = await client.post("/runs/prices-a/cancel", content=b'{"why": "wrong \\u0000 file"}')
        statuses = [
            (await client.post(f"/runs/{run_id}/cancel", content=body)).status_code
            for run_id, body in (("prices-b", b""), ("none", b""), ("prices-a", b"[]"), ("prices-a", b'{"why":["x"]}'), ("%00", b""))
        ]
    assert (asked.status_code, asked.json()["location"]) == (202, "/runs/prices-a")
    assert statuses == [409, 404, 422, 422, 422]
    found = [cancel for record in await runs.records(kafka_settings, RUNS) if (cancel := rules.read_cancel(record.value))]
    assert [(cancel.run_id, cancel.why) for cancel in found] == [("prices-a", "wrong \ufffd file")]
