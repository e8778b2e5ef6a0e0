"""The derived views in S3 are made of what the store holds: again the same, and replaced when it holds otherwise."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
from pydantic import SecretStr

from services.writer.views import Viewer
from shared.archive.store import Missing, Store
from shared.settings import S3, Database, Settings
from shared.snapshots import Attempt, Snapshot, document
from shared.telemetry.probes import Health
from shared.time import MINUTE, SECOND, to_datetime
from tests.fixtures import archive
from tests.fixtures.servers import Server

AT = 1_768_303_920_000_000  # 2026-01-13T11:32:00Z
PRICES = "snapshots/2026/01/13/prices-1132.csv"
DAY = """
INSERT INTO daily VALUES
    ('polygon', 'AAPL', '2026-01-12', 1, 2, 0.5, $1, 100, NULL, 7, true, 'regular', NULL, 'too new', NULL, NULL, $2, 'x', now())
ON CONFLICT (source, symbol, day) DO UPDATE SET close = excluded.close, revision = excluded.revision
"""
VIEWS = "SELECT views FROM runs WHERE run_id = $1 AND views_at IS NOT NULL"


def taken(started_at: int, price: str | None) -> Snapshot:
    prices = {} if price is None else {"bitcoin": Decimal(price)}
    attempt = Attempt("coincap", 1, ["bitcoin"], started_at + SECOND, 40, 200 if price else None, prices, "" if price else "no answer")
    return Snapshot(started_at, started_at + SECOND, ["bitcoin"], [attempt])


class Stored:
    """Runs as the writer leaves them."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def snapshot(self, run_id: str, snapshot: Snapshot, status: str = "finished") -> None:
        result = msgspec.json.Encoder(decimal_format="string").encode(document(snapshot)).decode()
        await self.run(run_id, "snapshot", snapshot.started_at, status, {}, result)

    async def run(self, run_id: str, kind: str, at: int, status: str, request: dict[str, Any], result: str = "{}") -> None:
        statement = "INSERT INTO runs VALUES ($1, $2, $3, 'polygon', $4, $4, $5, 3, 0, 0, 1, '', $4, $6, 1)"
        await self.connection.execute(statement, run_id, kind, status, to_datetime(at), json.dumps(request), result)

    async def told(self, run_id: str) -> dict[str, str]:
        """The run's views, once they are written."""
        async with asyncio.timeout(60):
            while (found := await self.connection.fetchval(VIEWS, run_id)) is None:  # noqa: ASYNC110 the store tells nobody
                await asyncio.sleep(0.02)
        known: dict[str, str] = json.loads(found)
        return known


@asynccontextmanager
async def viewing(url: str, s3: S3) -> AsyncIterator[Stored]:
    stop = asyncio.Event()
    connection = await asyncpg.connect(url)
    settings = Settings(database=Database(url=SecretStr(url)), s3=s3)
    tasks = [asyncio.create_task(Viewer(settings, Health()).run(stop)) for _ in range(2)]
    try:
        yield Stored(connection)
    finally:
        stop.set()
        await asyncio.gather(*tasks)
        await connection.close()


async def test_views_are_what_the_store_holds_and_follow_it(database_url: str, s3: Server, s3_bucket: str) -> None:
    reached = archive.settings(s3.environment, s3_bucket)
    async with viewing(database_url, reached) as stored, Store(reached) as store:
        await check_snapshots(stored, store)
        await check_days(stored, store)
        await check_outputs(stored, store)


async def check_snapshots(stored: Stored, store: Store) -> None:
    """The snapshots of a minute share a file, in their order, failed ones too."""
    await stored.snapshot("snapshot-b", taken(AT + 20 * SECOND, "39432.480"))
    await stored.snapshot("snapshot-next", taken(AT + MINUTE, "1"))
    told = await stored.told("snapshot-b")
    assert told == {"prices": f"s3://{store.bucket}/{PRICES}", "run": f"s3://{store.bucket}/runs/snapshot-b.json"}
    one = [["2026-01-13T11:32:21Z", "coincap", "bitcoin", "39432.480", "200", "40", "1"]]
    assert await lines(store, PRICES) == one
    await stored.snapshot("snapshot-a", taken(AT, None), "failed")
    await stored.told("snapshot-a")
    assert await lines(store, PRICES) == [["2026-01-13T11:32:01Z", "coincap", "bitcoin", "", "", "40", "1"], *one]
    run = json.loads(await store.get("runs/snapshot-a.json"))
    assert (run["status"], run["output_files"]) == ("failed", {"prices": told["prices"]})
    assert run["result"]["missing"] == ["bitcoin"]
    before = await store.get(PRICES)
    await store.put(PRICES, b"damaged")
    await stored.connection.execute("UPDATE runs SET views_at = NULL WHERE run_id = 'snapshot-b'")
    await stored.told("snapshot-b")
    assert await store.get(PRICES) == before


async def check_days(stored: Stored, store: Store) -> None:
    """A day is as the store now has it."""
    await stored.connection.execute(DAY, Decimal("1.50"), 1)
    request = {"tickers": ["AAPL"], "start": "2026-01-12", "end": "2026-01-12"}
    await stored.run("daily-1", "daily", AT, "finished", request)
    await stored.told("daily-1")
    day = json.loads(await store.get("daily/AAPL/2026-01-12.json"))
    assert (day["close"], day["revision"]) == ("1.50", 1)
    assert json.loads(await store.get("runs/daily-1.json"))["tickers"] == ["AAPL"]
    await stored.connection.execute(DAY, Decimal("1.60"), 2)
    await stored.connection.execute("UPDATE runs SET views_at = NULL WHERE run_id = 'daily-1'")
    await stored.told("daily-1")
    assert json.loads(await store.get("daily/AAPL/2026-01-12.json"))["close"] == "1.60"


async def check_outputs(stored: Stored, store: Store) -> None:
    """A run of orders has its view once its files are there."""
    await stored.connection.execute("INSERT INTO outputs (run) VALUES ('orders-1')")
    await stored.run("orders-1", "orders", AT, "finished", {})
    await stored.run("prices-1", "prices", AT + 1, "finished", {})
    await stored.told("prices-1")
    await missing(lambda: store.head("runs/orders-1.json"))
    await stored.connection.execute("UPDATE outputs SET written_at = now(), fills_uri = 's3://b/f', summary_uri = 's3://b/s'")
    await stored.told("orders-1")
    run = json.loads(await store.get("runs/orders-1.json"))
    assert run["output_files"] == {"fills": "s3://b/f", "summary": "s3://b/s"}


async def missing(ask: Callable[[], Awaitable[Any]]) -> None:
    try:
        await ask()
    except Missing:
        return
    raise AssertionError("it is there")


async def lines(store: Store, key: str) -> list[list[str]]:
    header, *rows = csv.reader(io.StringIO((await store.get(key)).decode()))
    assert header == ["timestamp_utc", "source", "asset", "price_usd", "http_status", "latency_ms", "attempt"]
    return rows
