"""One supervised process: started, watched until ready, restarted with backoff when it dies, stopped on request.

Invariant: at most one process at a time; after `stop` returns it is gone and none is started again.
"""

from __future__ import annotations

import asyncio
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from deploy.local.logs import Log
from deploy.local.part import Command, Part, StartError
from deploy.local.threads import in_thread

PROBE_INTERVAL = 0.1
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
# A process that dies this often before it was ever ready will not be ready by another start.
ATTEMPTS = 4
# A process that lived this long died of something new: its backoff starts over.
STEADY_SECONDS = 60.0
CHUNK = 64 * 1024
PREPARE_GRACE = 5.0

Echo = Callable[[str, str], None]


@dataclass
class Status:
    """Where a unit is: waiting, starting, ready, restarting, stopping or stopped, and since when (Unix seconds)."""

    state: str = "waiting"
    reason: str = ""
    pid: int | None = None
    created: float | None = None
    since: float = 0.0
    restarts: int = 0


class Unit:
    """A part or service under supervision; `changed` is called on every change of `status`."""

    def __init__(self, part: Part, log: Log, changed: Callable[[Unit], None], echo: Echo, first_delay: float = FIRST_DELAY) -> None:
        self.part = part
        self.name = part.name
        self.log = log
        self.status = Status()
        self.ready = asyncio.Event()
        self._changed = changed
        self._echo = echo
        self._first_delay = first_delay
        self._stopping = asyncio.Event()
        self._process: Process | None = None
        self._command: Command | None = None
        self._pump: asyncio.Task[None] | None = None
        self._preparing: asyncio.Future[Command] | None = None

    async def keep(self) -> None:
        """Keep the process running until `stop`; raises StartError when it cannot be prepared or never becomes ready."""
        delay = self._first_delay
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                ended = ending(await self._run_once())
            except (OSError, StartError) as error:  # it cannot be prepared now: a full disk, say
                if not self.ready.is_set() and not isinstance(error, OSError):
                    raise
                ended = f"cannot be started: {error}"
            if self._stopping.is_set():
                return
            if time.monotonic() - started > STEADY_SECONDS:
                delay = self._first_delay
            self.status.restarts += 1
            if self.status.restarts >= ATTEMPTS and not self.ready.is_set():
                raise StartError(f"{self.name} {ended} {ATTEMPTS} times and was never ready:\n{self.log.tail()}")
            self._set("restarting", f"{ended}, again in {delay:g} s; see {self.log.path}")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def stop(self) -> None:
        """Ask the process to leave; after its time is over, kill it and its children."""
        self._stopping.set()
        if self._preparing and not self._preparing.done():
            # What it runs (initdb, a format) ends soon and must not be left half done; a download may take long and can be.
            await asyncio.wait([self._preparing], timeout=PREPARE_GRACE)
        if self._process and self._command and self._process.returncode is None:
            self._set("stopping", "")
            self._process.send_signal(self._command.stop_signal)
            try:
                await asyncio.wait_for(self._process.wait(), self._command.stop_timeout)
            except TimeoutError:
                kill_family(self._process.pid)
                await self._process.wait()
        if self._pump:
            await self._pump
        self.log.close()
        self._set("stopped", "")

    async def _run_once(self) -> int:
        self._set("starting", "")
        self._preparing = asyncio.ensure_future(in_thread(self.part.prepare))
        self._command = await asyncio.shield(self._preparing)
        if self._stopping.is_set():
            return 0
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command.launched(),
            env=self._command.env or None,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        self._pump = asyncio.create_task(self._copy_output(process))
        self.status.pid, self.status.created = process.pid, created(process.pid)
        self._set("starting", "")
        return await self._watch(process)

    async def _watch(self, process: Process) -> int:
        """Probe until ready, then wait for the end; returns the exit code."""
        exited = asyncio.create_task(process.wait())
        while not exited.done():
            reason = await in_thread(self.part.probe)
            if reason is None and process.returncode is None:
                self._set("ready", "")
                self.ready.set()
                break
            self.status.reason = reason or ""
            await asyncio.wait([exited], timeout=PROBE_INTERVAL)
        return await exited

    async def _copy_output(self, process: Process) -> None:
        """Lines to the log and the terminal; a line of any length passes."""
        assert process.stdout
        rest = b""
        while chunk := await process.stdout.read(CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._write(line)
        if rest:
            self._write(rest)

    def _write(self, line: bytes) -> None:
        self.log.write(line)
        self._echo(self.name, line.decode(errors="replace"))

    def _set(self, state: str, reason: str) -> None:
        if state in ("restarting", "stopped"):
            self.status.pid = self.status.created = None
        self.status.state, self.status.reason, self.status.since = state, reason, time.time()
        self._changed(self)


def ending(code: int) -> str:
    """`exit code 1`, or `SIGKILL` for a process that a signal ended."""
    return f"ended with exit code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"


def created(pid: int) -> float | None:
    """When the process was created: with the pid it names a process once and for all."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def kill_family(pid: int) -> None:
    """SIGKILL to a process and all below it."""
    try:
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for member in family:
        if member.is_running():
            member.kill()
