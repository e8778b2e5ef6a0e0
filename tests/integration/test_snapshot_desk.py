"""The desk and the fetcher's port on a real broker: a snapshot each interval while it owns the schedule, and requests that are none."""

import asyncio
import csv
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from deploy.simulator.faults import Rule
from services.fetcher.live.bucket import Bucket
from services.fetcher.live.sources import Sources
from services.fetcher.snapshots.port import Port
from services.fetcher.snapshots.schedule import HOME, Desk
from shared import runs as rules
from shared.events import Run
from shared.providers import PRICED
from shared.settings import Kafka, Primary, Settings, Snapshots
from shared.telemetry.probes import Health
from shared.topics import RUNS
from tests.fixtures import runs
from tests.fixtures.simulator import rig

SECONDS = 30.0


def desk(kafka: Kafka, base: str, **options: object) -> tuple[Settings, Desk]:
    source = Primary(name="coingecko-sim", provider="coingecko", base_url=f"{base}/coingecko", per_minute=0)
    snapshots = Snapshots.model_validate({"sources": (source,), "assets": ["bitcoin"], "attempts": 1, **options})
    settings = Settings(kafka=kafka, snapshots=snapshots)
    return settings, Desk(settings, Health(), lambda provider, per_minute: Bucket(PRICED[provider].BUDGET), None)


async def kept(kafka: Kafka) -> list[Run]:
    """The runs on record, as they ended."""
    states = [run for record in await runs.records(kafka, RUNS) if (run := rules.read(record.value))]
    return [run for run in states if run.status in rules.FINAL]


def written(folder: Path) -> list[dict[str, str]]:
    """The rows of all files."""
    return [row for file in folder.rglob("*.csv") for row in csv.DictReader(file.read_text().splitlines())]


async def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_snapshots_are_taken_at_whole_intervals_by_who_owns_the_schedule(kafka_settings: Kafka, tmp_path: Path) -> None:
    async with rig() as r:
        _, taking = desk(kafka_settings, r.simulator.http, interval_seconds=1, folder=tmp_path)
        owned: list[int] = []
        stop = asyncio.Event()
        task = asyncio.create_task(taking.run(stop, lambda partition: partition in owned))
        await asyncio.sleep(1.5)  # an interval and more
        assert taking.next_run == 0
        owned.append(HOME)
        await until(lambda: len(written(tmp_path)) >= 2)
        stop.set()
        await task
        ended = await kept(kafka_settings)
        assert [run.status for run in ended] == ["published"] * len(ended)
        assert len(ended) >= 2
        assert len({run.requested_at // 1_000_000 for run in ended}) == len(ended)
        assert {(row["source"], row["asset"], row["http_status"]) for row in written(tmp_path)} == {("coingecko-sim", "bitcoin", "200")}


async def test_the_port_refuses_what_is_no_request_and_tells_when_nobody_answers(kafka_settings: Kafka) -> None:
    async with rig() as r:
        settings, taking = desk(kafka_settings, r.simulator.http)
        health = Health()
        app = Starlette(routes=Port(taking, Sources(settings, health), health).routes())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://fetcher") as client:
            for body, said in (
                (b'{"assets": ["bit coin"]}', "symbol 'BIT COIN-USD'"),
                (b'{"assets": []}', "ask for 1 to 500 assets"),
                (b'{"assets": "bitcoin"}', "Expected `array | null`"),
                (b'{"asset": ["bitcoin"]}', "unknown field `asset`"),
                (b'{"sources": ["kraken"]}', "there is no source kraken: choose among coingecko-sim"),
                (b"[" * 40_000, ""),
                (b'{"assets": ["' + b"x" * 70_000 + b'"]}', "the body has more than 65,536 bytes"),
                (b"\xff", ""),
            ):
                answer = await client.post("/fetch", content=body)
                assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text
            r.break_with(Rule("refuse", venue="coingecko"))
            answer = await client.post("/fetch")
            assert (answer.status_code, answer.json()["status"], answer.json()["missing"]) == (502, "failed", ["bitcoin"])
            assert [run.run_id for run in await kept(kafka_settings)] == [answer.json()["run_id"]]
            [told] = (await client.get("/status")).json()["snapshots"]
            assert (told["failures"], told["breaker"], told["budget_left"], told["last_success"]) == (1, "closed", 9, None)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([("kraken", "kraken")], "provider 'kraken' is none of"),
        ([("coincap", "coingecko")], "named after its provider"),
        ([("coingecko", "coingecko"), ("coingecko", "coingecko")], "twice"),
    ],
)
async def test_sources_that_cannot_be_are_told_at_the_start(sources: list[tuple[str, str]], said: str) -> None:
    given = tuple(Primary(name=name, provider=provider, base_url="", per_minute=0) for name, provider in sources)
    with pytest.raises(ValueError, match=said):
        Desk(Settings(snapshots=Snapshots(sources=given)), Health(), lambda provider, per_minute: Bucket(PRICED[provider].BUDGET), None)
