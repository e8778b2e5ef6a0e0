"""One part, started and stopped by hand: for tests and for anyone who wants a single broker or database.

Invariant: at most one process per instance, and it dies with this process whatever happens to it.

    kafka = Instance(Kafka(home, port, controller_port, java), log)
    kafka.start()            # returns when ready
    kafka.kill()             # SIGKILL, children too
    kafka.start()            # the same data
    kafka.stop()
"""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import psutil

from deploy.local.part import Command, Part, StartError

# The parent-death signal fires when the thread that forked ends, so one thread that lives as long as we do forks them all.
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawner")
START_TIMEOUT = 90.0
START_ATTEMPTS = 3


class Instance:
    """A part and the process that runs it; its output is kept in `log`."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        self._command: Command | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start and wait until ready. After a kill a lock may linger for a moment, hence more than one attempt."""
        if self.pid is not None:
            return
        deadline = time.monotonic() + timeout
        self._command = self.part.prepare()
        for attempt in range(START_ATTEMPTS):
            self._spawn(self._command)
            if self._wait_ready(deadline):
                return
            time.sleep(0.5 * (attempt + 1))
        raise StartError(f"{self.part.name} ended while starting: {self._tail()}")

    def stop(self) -> None:
        """Ask it to leave, and kill it if it does not in time."""
        if self._process is None or self._command is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(self._command.stop_signal)
            try:
                self._process.wait(self._command.stop_timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL to the process and its children: a crash."""
        if self._process is None or self._process.poll() is not None:
            return
        family = _family(self._process.pid)
        for member in family:
            if member.is_running():
                member.kill()
        self._process.wait()
        psutil.wait_procs(family, timeout=10)
        self._process = None

    def _spawn(self, command: Command) -> None:
        with self.log.open("ab") as log:
            self._process = _SPAWNER.submit(_popen, command, log).result()

    def _wait_ready(self, deadline: float) -> bool:
        """True when ready, False when the process ended; too slow is an error."""
        assert self._process is not None
        reason = self.part.probe()
        while reason is not None:
            if self._process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                self.kill()
                raise StartError(f"{self.part.name} is not ready in time: {reason}: {self._tail()}")
            time.sleep(0.05)
            reason = self.part.probe()
        return True

    def _tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _popen(command: Command, log: IO[bytes]) -> subprocess.Popen[bytes]:
    env = command.env or None
    return subprocess.Popen(command.launched(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
