"""Runs that an operator cancels: queued, running and being opened; their end is on record, and their markers follow their rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import application
from shared import runs as rules
from shared.bus import Producer
from shared.events import Run
from shared.settings import Kafka
from shared.topics import RUNS
from tests.fixtures import runs

HEADER = "time,price,size\n"
Tickplant = Callable[..., Result]


@pytest.fixture
def tickplant(kafka_settings: Kafka, tmp_path: Path) -> Tickplant:
    """The command, on this test's topics."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka_settings.topic_prefix,
        "TICKPLANT_HOME": str(tmp_path),
    }
    return lambda *arguments: CliRunner().invoke(application(), arguments, env=environment)


def file(folder: Path, rows: int) -> Path:
    path = folder / "prices.csv"
    path.write_text(HEADER + "".join(f"{1_610_064_000 + n},{40_000 + n % 100}.5,0.1\n" for n in range(rows)))
    return path


async def cancelled(kafka: Kafka, run_id: str, why: str = "wrong file") -> None:
    async with Producer(kafka, client_id="test") as producer:
        producer.add(RUNS, *rules.cancellation(run_id, 1, why))
        await producer.flush()


async def test_a_running_run_ends_with_the_reason_and_markers_behind_its_rows(kafka_settings: Kafka, tmp_path: Path) -> None:
    run = runs.prices(file(tmp_path, 400_000))
    async with runs.fetching(kafka_settings, tmp_path):
        await runs.ask(kafka_settings, run)
        await runs.until(kafka_settings, run.run_id, lambda state: state.sent > 0)
        await cancelled(kafka_settings, run.run_id)
        ended = await runs.ended(kafka_settings, run.run_id)
    assert (ended.status, ended.message) == ("failed", "cancelled: wrong file")
    assert 0 < ended.sent < 400_000
    found = await runs.markers(kafka_settings)
    assert {marker.status for markers in found.values() for marker in markers} == {"aborted"}


async def test_a_queued_run_ends_though_others_take_every_place(kafka_settings: Kafka, tmp_path: Path) -> None:
    long, queued = runs.prices(file(tmp_path, 400_000)), runs.prices(tmp_path / "prices.csv", number=2)
    async with runs.fetching(kafka_settings, tmp_path, concurrent_runs=1):
        await runs.ask(kafka_settings, long)
        await runs.until(kafka_settings, long.run_id, lambda state: state.sent > 0)
        await runs.ask(kafka_settings, queued)
        await cancelled(kafka_settings, queued.run_id)
        ended = await runs.ended(kafka_settings, queued.run_id)
        states = await runs.states(kafka_settings, long.run_id)
        assert not [state for state in states if state.status in rules.FINAL]
        await cancelled(kafka_settings, long.run_id)
    assert (ended.status, ended.sent, ended.message) == ("failed", 0, "cancelled: wrong file")


async def test_a_run_cancelled_while_no_fetcher_runs_is_ended_by_the_next_one(kafka_settings: Kafka, tmp_path: Path) -> None:
    run = runs.prices(file(tmp_path, 10))
    await runs.ask(kafka_settings, run)
    await cancelled(kafka_settings, run.run_id, "nul \x00 and \ud800")
    async with runs.fetching(kafka_settings, tmp_path):
        ended = await runs.ended(kafka_settings, run.run_id)
    assert (ended.status, ended.sent, ended.message) == ("failed", 0, "cancelled: nul \ufffd and \ufffd")


def test_the_command_ends_a_run_and_refuses_what_cannot_be_cancelled(kafka_settings: Kafka, tmp_path: Path, tickplant: Tickplant) -> None:
    run = runs.prices(file(tmp_path, 400_000))

    async def work() -> Result:
        async with runs.fetching(kafka_settings, tmp_path):
            await runs.ask(kafka_settings, run)
            await runs.until(kafka_settings, run.run_id, lambda state: state.sent > 0)
            return await asyncio.to_thread(tickplant, "cancel", run.run_id, "--why", "wrong file")

    result = asyncio.run(work())
    assert result.exit_code == 0, result.output
    assert "failed" in result.output
    assert "cancelled: wrong file" in result.output
    again = tickplant("cancel", run.run_id)
    assert (again.exit_code, "it has failed already" in again.output) == (1, True)
    absent = tickplant("cancel", "prices-none")
    assert (absent.exit_code, "there is no run" in absent.output) == (1, True)


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        ("snapshot", "running", "a snapshot ends by itself"),
        ("prices", "published", "the writer finishes it"),
        ("prices", "finished", "it has finished already"),
        ("prices", "requested", None),
    ],
)
def test_what_can_be_cancelled(kind: str, status: str, says: str | None) -> None:
    refused = rules.uncancellable(Run("x", kind, status, "s", 1, 1))  # type: ignore[arg-type]
    assert (refused is None) == (says is None)
    assert says is None or says in str(refused)
