"""The stack from outside: start it here or in the background, see what runs, end it.

Invariant: one stack per home directory (a lock held by the supervisor); only processes recorded by it are ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy.local import state, venues
from deploy.local.part import StartError
from deploy.local.plan import Plan, make_plan
from deploy.local.ports import is_taken
from deploy.local.settings import LocalSettings, inherited
from deploy.local.supervisor import Say, Supervisor
from deploy.local.unit import Echo, kill_family

STOP_TIMEOUT = 45.0
STRAY_TIMEOUT = 10.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyRunningError(Exception):
    """Another supervisor runs this home's stack."""


def running(home: Path) -> state.State | None:
    """The stack of this home, if its supervisor lives."""
    found = state.read(home)
    return found if found and found.lives else None


def supervise(settings: LocalSettings, only: tuple[str, ...], say: Say, echo: Echo) -> None:
    """Run the stack in this process until a signal; raises AlreadyRunningError or StartError."""
    home = settings.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home):
        end_strays(home)
        plan = make_plan(settings, inherited(), only, say, simulated=venues.simulated(settings))
        _check_ports(plan)
        asyncio.run(_supervise(Supervisor(plan, say, echo)))


def detach(settings: LocalSettings, only: tuple[str, ...], say: Say) -> bool:
    """Start the supervisor in the background and tell its progress; True when everything is ready, False when it gave up."""
    home = settings.home.resolve()
    (home / "logs").mkdir(parents=True, exist_ok=True)
    path = home / "logs" / "supervisor.log"
    with path.open("wb") as log:
        command = [sys.executable, "-m", "deploy.local", *only]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    with path.open(encoding="utf-8") as output:
        while process.poll() is None:
            _tell(output.readlines(), say)
            found = state.read(home)
            if found and found.pid == process.pid and found.ready:
                _tell(output.readlines(), say)
                return True
            time.sleep(0.1)
        _tell(output.readlines(), say)
    return False


def down(home: Path, say: Say) -> bool:
    """End the stack of this home and whatever of it a dead supervisor left; False if there was nothing."""
    found = state.read(home)
    if found is None:
        return False
    if found.lives:
        _end(psutil.Process(found.pid), STOP_TIMEOUT)
        say("the stack is stopped")
    end_strays(home)
    return True


def end_strays(home: Path) -> None:
    """End what the state file records and no supervisor watches any more."""
    found = state.read(home)
    if found is None:
        return
    strays = [psutil.Process(entry.pid) for entry in found.entries if entry.lives and entry.pid]
    for process in strays:
        process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, left = psutil.wait_procs(strays, timeout=STRAY_TIMEOUT)
    for process in left:
        kill_family(process.pid)
    psutil.wait_procs(left, timeout=STRAY_TIMEOUT)
    state.remove(home)


async def _supervise(supervisor: Supervisor) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    await supervisor.run(stop)


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(str(home)) from error
        yield


def _check_ports(plan: Plan) -> None:
    taken = [port for port in plan.ports if is_taken(port.number, port.host)]
    if taken:
        lines = [f"port {port.number} ({port.owner}) is taken: set {port.setting} to a free one" for port in taken]
        raise StartError("\n".join(lines))


def _end(process: psutil.Process, timeout: float) -> None:
    process.terminate()
    try:
        process.wait(timeout)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout)


def _tell(lines: list[str], say: Callable[[str], None]) -> None:
    for line in lines:
        say(line.rstrip("\n"))
