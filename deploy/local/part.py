"""What a part of the stack is: a command to run, a probe to ask whether it is ready, the environment it offers.

Invariant: a part holds no process. `prepare` makes its files and says what to run; who runs it is another's concern.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

LAUNCHER = Path(__file__).with_name("launch.py")


class StartError(Exception):
    """The stack or a part of it cannot start; the message says what to do."""


@dataclass(frozen=True)
class Command:
    """A child process to be: `stop_signal` asks it to leave, and after `stop_timeout` seconds it is killed."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0

    def launched(self) -> list[str]:
        """The argument list that runs the command tied to the life of this process."""
        head = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(self.stop_signal)), self.user or "-"]
        return [*head, *self.argv]


class Part(Protocol):
    """A process that can be prepared, run and probed."""

    @property
    def name(self) -> str: ...

    def prepare(self) -> Command:
        """Make files and data directories, idempotently, and return what to run. May block and download."""

    def probe(self) -> str | None:
        """Ask the running part over its socket: None when ready, otherwise the reason it is not."""

    def environment(self) -> dict[str, str]:
        """The variables by which the services find this part."""
