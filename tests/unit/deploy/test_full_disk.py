"""The supervisor on a disk that fills and is freed: it and its processes go on, and the state and the logs follow."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import state
from deploy.local.part import Command
from deploy.local.plan import Plan, Port
from deploy.local.ports import HOST
from deploy.local.supervisor import Supervisor


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """256 KiB of their own."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


class Talker:
    """Prints without end and leaves when a file asks it to; ready at once. Its files are made on the disk at each start."""

    name = "talker"

    def __init__(self, home: Path, leave: Path) -> None:
        self.home, self.leave, self.starts = home, leave, 0

    def prepare(self) -> Command:
        self.starts += 1
        (self.home / f"configuration-{self.starts}").write_text("x" * 1000)
        body = (
            "import sys, time, pathlib\nleave = pathlib.Path(sys.argv[1])\nwhile not leave.exists():\n  print('line ' * 20, flush=True)\n"
        )
        return Command((sys.executable, "-c", body + "  time.sleep(0.001)", str(self.leave)), stop_timeout=0.5)

    def probe(self) -> str | None:
        return None

    def environment(self) -> dict[str, str]:
        return {}


def fill(home: Path) -> None:
    with (home / "filler").open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    assert os.statvfs(home).f_bavail == 0


async def until(reached: object, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not get there"
        await asyncio.sleep(0.02)


async def test_a_full_disk_costs_lines_and_nothing_else(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    leave = tmp_path_factory.mktemp("elsewhere") / "leave"
    talker = Talker(disk, leave)
    plan = Plan(disk, (talker,), (), (), (Port("talker", HOST, 1, "X"),), {}, {}, None)
    said: list[str] = []
    stop = asyncio.Event()
    supervisor = Supervisor(plan, said.append, lambda *_: None)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(supervisor.run(stop))
        await until(lambda: (found := state.read(disk)) is not None and found.ready)
        first = state.read(disk)
        fill(disk)
        await until(lambda: supervisor._parts[0].log._lost)
        leave.touch()  # it ends, and cannot be prepared again: its configuration does not fit
        await until(lambda: any("cannot be started" in line for line in said))
        assert not running.done()
        assert any("the state is not written" in line for line in said)
        leave.unlink()
        (disk / "filler").unlink()
        await until(lambda: (found := state.read(disk)) is not None and found.entries[0].state == "ready" and found != first)
        await until(lambda: b"lines were not written" in (disk / "logs" / "talker.log").read_bytes())
        stop.set()
    assert state.read(disk) is None
