"""The end of a task is reported, and a loop that nobody waits for goes on."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from shared import tasks
from shared.errors import Unavailable
from shared.telemetry.probes import Health
from shared.telemetry.retries import GRACE_SECONDS


async def test_a_loop_that_dies_is_started_again_and_reported() -> None:
    health, runs, third = Health(), 0, asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError("a record nobody foresaw")
        third.set()
        await asyncio.sleep(60)

    with capture_logs() as logs:
        task = tasks.start(tasks.kept(health, "outlet", work))
        async with asyncio.timeout(5):
            await third.wait()
    assert [line["task"] for line in logs] == ["outlet", "outlet"]
    episode = health._retries._episodes["outlet"]
    assert (episode.attempts, episode.reason) == (2, "ValueError('a record nobody foresaw')")
    episode.began -= GRACE_SECONDS
    assert "outlet loop" in await health.faults()
    task.cancel()


@pytest.mark.parametrize(("fault", "reported"), [(ValueError("x"), 1), (Unavailable("x"), 0)])
async def test_a_task_that_ends_by_an_unexpected_fault_is_logged_though_nobody_awaits_it(fault: Exception, reported: int) -> None:
    async def work() -> None:
        raise fault

    with capture_logs() as logs:
        task = tasks.start(work())
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert [line["event"] for line in logs] == ["a task ended by a fault"] * reported


async def test_a_loop_that_ends_by_a_fault_starts_again_until_it_is_to_stop() -> None:
    health, stop, third, runs = Health(), asyncio.Event(), asyncio.Event(), 0

    async def work(stop: asyncio.Event) -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError("a row nobody foresaw")
        third.set()
        await stop.wait()

    with capture_logs() as logs:
        task = tasks.start(tasks.until_stopped(health, "audit", work, stop))
        async with asyncio.timeout(5):
            await third.wait()
    assert [line["task"] for line in logs] == ["audit", "audit"]
    assert health._retries._episodes["audit"].attempts == 2
    stop.set()
    await asyncio.wait_for(task, 5)
