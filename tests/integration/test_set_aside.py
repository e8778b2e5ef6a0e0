"""Loops beside the sink: a piece that fails is set aside with its reason and the next is done; sessions that stand still let go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.writer.outputs import Outputs
from services.writer.relay import Relay
from services.writer.sinks.postgres import PostgresSink
from services.writer.sinks.postgres.connection import connect, quiet
from shared.bus import Log
from shared.errors import Unavailable
from shared.events import Order, Origin
from shared.settings import Database, Kafka, Settings
from shared.telemetry.probes import Health
from shared.topics import RUNS, TRADING_EVENTS
from tests.integration.sink import T0, Partition, store

Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
ASIDE = "SELECT loop, piece, reason FROM failed_pieces ORDER BY 1, 2"


@pytest.fixture
def settings(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Settings:
    found = Settings(kafka=kafka_settings, database=Database(url=database_url))
    return found.model_copy(update={"writer": found.writer.model_copy(update={"output_folder": tmp_path})})


async def run(loop: Loop, done: Callable[[], Awaitable[bool]]) -> None:
    """Until it is done; what the loop raises is raised."""
    stop = asyncio.Event()
    task = asyncio.create_task(loop(stop))
    async with asyncio.timeout(30):
        while not await done() and not task.done():  # noqa: ASYNC110 the store notifies nobody
            await asyncio.sleep(0.05)
    stop.set()
    await task


async def test_an_order_of_any_size_has_its_row_and_a_run_without_a_file_name_is_set_aside(settings: Settings, tmp_path: Path) -> None:
    values = ["10000000000", "123456789012345678.123456789012345678", "0.000000000000000001"]
    orders = [
        Order(f"o{n}", "SHIB-USD", "buy", Decimal(value), None, T0, received_at=T0, origin=Origin(1, 0, n), run="orders-1")
        for n, value in enumerate(values)
    ]
    log = Partition(TRADING_EVENTS.name, 0).add(*orders)
    sink = PostgresSink(settings)
    await sink.connect()
    await sink.positions({log.place: (0, 3)})
    await store(sink, log.since(0))
    await sink.close()
    connection = await connect(settings.database.url.get_secret_value(), "public")
    for name in ("../orders-0", "x" * 300, "orders-1"):
        await connection.execute("INSERT INTO outputs (run) VALUES ($1)", name)

    async def done() -> bool:
        return bool(await connection.fetchval("SELECT written_at IS NOT NULL FROM outputs WHERE run = 'orders-1'"))

    await run(Outputs(settings, Health()).run, done)
    aside = await connection.fetch(ASIDE)
    assert [tuple(row)[:2] for row in aside] == [("outputs", "../orders-0"), ("outputs", "x" * 300)]
    assert "ValueError" in aside[0]["reason"]
    assert "too long" in aside[1]["reason"]
    assert all(value in (tmp_path / "order_summary.csv").read_text() for value in values)
    connection.terminate()


async def test_a_record_that_kafka_does_not_take_is_set_aside_and_the_others_are_published(settings: Settings) -> None:
    connection = await connect(settings.database.url.get_secret_value(), "public")
    rows = [(RUNS.name, b"a", 0, b"{}"), (RUNS.name, b"b", 0, bytes(RUNS.limit + 64 * 1024)), ("none.v1", b"c", 0, b"{}")]
    rows += [(RUNS.name, b"d", 99, b"{}"), (RUNS.name, b"e", 0, b"{}")]
    put = "INSERT INTO outbox (topic, key, partition, value) VALUES ($1, $2, $3, $4)"
    await connection.executemany(put, rows)

    async def done() -> bool:
        return not await connection.fetchval("SELECT count(*) FROM outbox")

    await run(Relay(settings, Health()).run, done)
    async with Log(settings.kafka) as log:
        ends = await log.ranges(RUNS)
    assert ends[0] == (0, 2)
    assert [row["piece"].split("/")[:2] for row in await connection.fetch(ASIDE)] == [["none.v1", "0"], [RUNS.name, "0"], [RUNS.name, "99"]]
    connection.terminate()


async def test_a_record_is_deleted_from_the_outbox_only_once_it_is_acknowledged(settings: Settings) -> None:
    connection = await connect(settings.database.url.get_secret_value(), "public")
    await connection.execute("INSERT INTO outbox (topic, key, partition, value) VALUES ($1, 'k', 0, '{}')", RUNS.name)
    relay = Relay(settings, Health())
    left: list[int] = []

    class Watched:
        def add(self, *record: object) -> None: ...

        async def flush(self) -> None:
            left.append(await connection.fetchval("SELECT count(*) FROM outbox"))

    session = await connect(settings.database.url.get_secret_value(), "public")
    assert await relay._publish(session, Watched()) == 1  # type: ignore[arg-type]
    assert left == [1]
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    session.terminate()
    connection.terminate()


async def test_a_session_that_stands_still_in_its_transaction_lets_go_of_its_locks(settings: Settings) -> None:
    url = settings.database.url.get_secret_value()
    stopped, other = await connect(url, "public", idle_seconds=1), await connect(url, "public")
    placeholder = "INSERT INTO runs (run_id, run_kind, status, source, requested_at, updated_at, request)"
    await other.execute(f"{placeholder} VALUES ('r', 'x', 'x', '', now(), now(), '{{}}')")
    transaction = stopped.transaction()
    await transaction.start()
    await stopped.execute("SELECT FROM runs FOR UPDATE")
    async with asyncio.timeout(10):
        assert await other.execute("UPDATE runs SET status = 'running'") == "UPDATE 1"
    with pytest.raises(Unavailable), quiet():
        await stopped.fetchval("SELECT 1")
    stopped.terminate()
    other.terminate()


async def test_every_session_of_the_sink_has_its_limits(settings: Settings) -> None:
    session = await connect(settings.database.url.get_secret_value(), "public")
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    shown = [await session.fetchval(f"SHOW {name}") for name in names]
    assert shown == ["50s", "20s", "30s"]
    session.terminate()
    session = await connect(settings.database.url.get_secret_value(), "public", holds=True)
    assert await session.fetchval("SHOW idle_session_timeout") == "30s"
    session.terminate()
