"""A command as a measured process: CPU seconds and peak memory of the whole process, start-up included, from wait4().

Invariant: a process dies with this one, and is gone once `stop` or `wait` has returned or raised.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.faults import Fault
from deploy.local.part import Command
from deploy.local.settings import inherited
from deploy.local.unit import kill_family

ROOT = Path(__file__).parents[1]
METER = Path(__file__).with_name("meter.py")
TAIL = 1500


class Usage(msgspec.Struct, frozen=True):
    """What a process used: `code` is its exit code, negative for a signal."""

    code: int
    cpu_s: float
    rss_mib: float


class Process:
    """Started on construction; what it says is kept in `log`."""

    def __init__(self, argv: Sequence[str], log: Path, variables: Mapping[str, str] | None = None) -> None:
        self._log, self._result = log, log.with_suffix(".usage.json")
        self._result.unlink(missing_ok=True)
        command = Command((sys.executable, "-I", "-S", str(METER), str(self._result), *argv))
        environment = {**inherited(), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(variables or {})}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command.launched(),
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The meter's, whose child is the command."""
        return self._process.pid

    def wait(self, seconds: float) -> Usage:
        """Until it ends by itself; raises `Fault` when it does not, or not well."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Fault(f"did not end within {seconds:g} s: {self.output[-TAIL:]}") from None
        used = self._used()
        if used.code:
            raise Fault(f"ended with {used.code}: {self.output[-TAIL:]}")
        return used

    def stop(self, seconds: float = 30) -> Usage:
        """Asks it to leave, as an operator does."""
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Fault(f"did not leave within {seconds:g} s: {self.output[-TAIL:]}") from None
        return self._used()

    def kill(self) -> None:
        """SIGKILL to it and all below it."""
        kill_family(self._process.pid)
        self._process.wait()

    def until_line(self, text: str, seconds: float) -> str:
        """The first line of its output that holds `text`, once it is there."""
        deadline = time.monotonic() + seconds
        while True:
            running = self.running
            for line in self.output.splitlines():
                if text in line:
                    return line
            if not running or time.monotonic() > deadline:
                self.kill()
                raise Fault(f"never said {text!r}: {self.output[-TAIL:]}")
            time.sleep(0.05)

    def _used(self) -> Usage:
        return msgspec.json.decode(self._result.read_bytes(), type=Usage)
