"""Supervision of one process: ready, restarted, given up, stopped."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from deploy.local.logs import Log
from deploy.local.part import Command, StartError
from deploy.local.state import is_alive
from deploy.local.unit import Unit


class Script:
    """A part that is a Python script; ready once it has written its file."""

    name = "script"

    def __init__(self, home: Path, body: str) -> None:
        self.home = home
        self.body = f"from pathlib import Path; import os, signal, sys, time\nready = Path({str(home / 'ready')!r})\n{body}"

    def prepare(self) -> Command:
        return Command((sys.executable, "-u", "-c", self.body), stop_timeout=0.5)

    def probe(self) -> str | None:
        return None if (self.home / "ready").exists() else "not yet"

    def environment(self) -> dict[str, str]:
        return {}


class Watch:
    """The states a unit went through, and `again` once it is ready after a restart."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.reasons: list[str] = []
        self.again = asyncio.Event()

    def changed(self, unit: Unit) -> None:
        self.states.append(unit.status.state)
        self.reasons.append(unit.status.reason)
        if unit.status.restarts and unit.status.state == "ready":
            self.again.set()


def supervised(home: Path, body: str) -> tuple[Unit, Watch]:
    watch = Watch()
    return Unit(Script(home, body), Log(home / "log"), watch.changed, lambda *_: None, first_delay=0.01), watch


async def test_it_is_ready_when_its_probe_says_so_and_gone_after_stop(tmp_path: Path) -> None:
    unit, watch = supervised(tmp_path, "print('hello'); ready.touch(); time.sleep(60)")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(unit.keep())
        await unit.ready.wait()
        pid, created = unit.status.pid, unit.status.created
        assert is_alive(pid, created)
        await unit.stop()
    assert not is_alive(pid, created)
    assert watch.states == ["starting", "starting", "ready", "stopping", "stopped"]
    assert (tmp_path / "log").read_text() == "hello\n"


async def test_what_dies_is_started_again(tmp_path: Path) -> None:
    unit, watch = supervised(tmp_path, "again = ready.exists(); ready.touch()\nif again: time.sleep(60)\ntime.sleep(0.5); sys.exit(7)")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(unit.keep())
        await watch.again.wait()
        await unit.stop()
    assert watch.states.count("restarting") == 1
    assert watch.reasons[watch.states.index("restarting")].startswith("ended with exit code 7, again in 0.01 s")


async def test_what_ignores_the_request_to_leave_is_killed(tmp_path: Path) -> None:
    unit, _ = supervised(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready.touch(); time.sleep(60)")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(unit.keep())
        await unit.ready.wait()
        pid, created = unit.status.pid, unit.status.created
        await unit.stop()
    assert not is_alive(pid, created)


async def test_what_never_becomes_ready_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    unit, _ = supervised(tmp_path, "sys.exit('no such file: prices.csv')")
    with pytest.raises(StartError, match=r"script ended with exit code 1 4 times and was never ready:\n.*no such file: prices.csv"):
        await asyncio.wait_for(unit.keep(), 20)
    await unit.stop()


async def test_a_line_of_any_length_reaches_the_log(tmp_path: Path) -> None:
    unit, _ = supervised(tmp_path, "print('x' * 1_000_000); print('end'); ready.touch(); time.sleep(60)")
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(unit.keep())
        await unit.ready.wait()
        await unit.stop()
    assert [len(line) for line in (tmp_path / "log").read_text().splitlines()] == [1_000_000, 3]
