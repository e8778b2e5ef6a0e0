"""Runs that ask a provider, carried out by a fetcher on a real broker: interrupted, refused, left and taken up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from deploy.simulator.faults import Rule
from services.fetcher.runner import Runner
from shared import runs as shared_runs
from shared.events import Run
from shared.records import RUN_HEADER, Row, control_kind, header
from shared.runs import DailyRequest
from shared.settings import Fetcher, Kafka, Polygon, Settings
from shared.telemetry.probes import Health
from shared.topics import MARKET_RAW
from tests.fixtures import runs
from tests.fixtures.simulator import Rig, rig

WANTED = DailyRequest(["AAPL", "MSFT", "NVDA"], date(2024, 11, 25), date(2024, 12, 6))
PAGES = 9


@asynccontextmanager
async def provider() -> AsyncIterator[Rig]:
    async with rig(limits={"polygon": 10_000}) as r:
        yield r


@asynccontextmanager
async def fetching(kafka: Kafka, r: Rig) -> AsyncIterator[None]:
    """A fetcher in this process; it is asked to leave at the end."""
    polygon = Polygon(base_url=f"{r.simulator.http}/polygon", simulated=True, page=100, requests_per_minute=10_000)
    stop = asyncio.Event()
    runner = Runner(Settings(kafka=kafka, fetcher=Fetcher(most_behind=0), polygon=polygon), Health())
    task = asyncio.create_task(runner.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, runs.PATIENCE)


async def asked(kafka: Kafka, *, source: str = "polygon-daily-sim") -> Run:
    run = runs.requested("daily", WANTED, source=source)
    await runs.ask(kafka, run)
    return run


async def rows(kafka: Kafka) -> list[Row]:
    """The rows of the raw topic, in their order."""
    data = [record for record in await runs.records(kafka, MARKET_RAW) if control_kind(record.headers) is None]
    found = [Row.parse(header(record.headers, RUN_HEADER) or b"") for record in data]
    return sorted(row for row in found if row is not None)


def addresses(log: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(line["path"], line["query"].get("cursor", "")) for line in log if line["status"] == 200}


async def test_a_run_that_is_left_goes_on_behind_its_last_page(kafka_settings: Kafka) -> None:
    async with provider() as r:
        r.break_with(Rule("slow", venue="polygon", delay_ms=100))
        run = await asked(kafka_settings)
        async with fetching(kafka_settings, r):
            await runs.until(kafka_settings, run.run_id, lambda state: state.sent >= 4)
        left = (await runs.states(kafka_settings, run.run_id))[-1]
        async with fetching(kafka_settings, r):
            last = await runs.ended(kafka_settings, run.run_id)
        log = await r.log(kind="request", venue="polygon")
    assert 4 <= left.sent < PAGES
    assert (last.status, last.sent, last.attempts) == ("published", PAGES, 2)
    assert [row.line for row in await rows(kafka_settings)] == list(range(1, PAGES + 1))
    assert len(addresses(log)) == PAGES
    # A page that was on its way when the first fetcher left is the only one that may be asked for twice.
    assert PAGES <= len(log) <= PAGES + 1
    marked = await runs.markers(kafka_settings)
    assert {marker.status for markers in marked.values() for marker in markers} == {"finished"}


async def test_a_run_waits_out_a_provider_that_is_down_and_says_so(kafka_settings: Kafka) -> None:
    async with provider() as r:
        r.break_with(Rule("status", venue="polygon", status=503, by="requests", after=2, count=5))
        run = await asked(kafka_settings)
        async with fetching(kafka_settings, r):
            last = await runs.ended(kafka_settings, run.run_id)
    said = {state.message for state in await runs.states(kafka_settings, run.run_id)}
    assert "waiting: polygon-daily-sim: it answers 503, 4 times" in said
    assert (last.status, last.sent, last.result) == ("published", PAGES, {"requests": PAGES + 5, "retries": 4})
    assert [row.line for row in await rows(kafka_settings)] == list(range(1, PAGES + 1))


async def test_a_refused_key_aborts_the_run_behind_what_it_has(kafka_settings: Kafka) -> None:
    async with provider() as r:
        r.break_with(Rule("status", venue="polygon", status=401, by="requests", after=2, count=1))
        run = await asked(kafka_settings)
        async with fetching(kafka_settings, r):
            last = await runs.ended(kafka_settings, run.run_id)
    assert last.status == "failed"
    assert last.message.startswith("polygon-daily-sim refuses the key (401): set POLYGON_API_KEY")
    assert len(await rows(kafka_settings)) == 2
    marked = await runs.markers(kafka_settings)
    assert {marker.status for markers in marked.values() for marker in markers} == {"aborted"}


async def test_a_simulated_provider_is_not_taken_for_a_real_one(kafka_settings: Kafka) -> None:
    async with provider() as r:
        run = await asked(kafka_settings, source="polygon-daily")
        async with fetching(kafka_settings, r):
            last = await runs.ended(kafka_settings, run.run_id)
        assert await r.log(kind="request", venue="polygon") == []
    assert last.status == "failed"
    assert "what is simulated ends in -sim" in last.message
    assert shared_runs.raw_topic(run.run_id) is MARKET_RAW
