"""`stack.json`: what a running stack says about itself, for `status`, `down` and every command that must find it.

Invariant: readable by its owner only, since it holds the services' whole environment; replaced atomically.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from deploy.local.files import write_atomically

FILE = "stack.json"


@dataclass(frozen=True)
class Entry:
    """One part or service; `pid` and `created` together name its process."""

    name: str
    kind: str
    state: str
    reason: str = ""
    pid: int | None = None
    created: float | None = None
    port: int | None = None
    since: float = 0.0
    restarts: int = 0

    @property
    def lives(self) -> bool:
        return is_alive(self.pid, self.created)


@dataclass(frozen=True)
class State:
    """The stack; `ready` once everything was ready, `started` in Unix seconds."""

    pid: int
    created: float
    started: float
    ready: bool
    environment: dict[str, str]
    external: dict[str, str]
    entries: list[Entry] = field(default_factory=list)

    @property
    def lives(self) -> bool:
        return is_alive(self.pid, self.created)


def write(home: Path, state: State) -> None:
    write_atomically(home / FILE, json.dumps(asdict(state), indent=2), mode=0o600)


def read(home: Path) -> State | None:
    """The last state written, whether or not its processes live; None if there is none."""
    try:
        document: dict[str, Any] = json.loads((home / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    entries = [Entry(**entry) for entry in document.pop("entries")]
    return State(**document, entries=entries)


def remove(home: Path) -> None:
    (home / FILE).unlink(missing_ok=True)


def is_alive(pid: int | None, created: float | None) -> bool:
    """Whether the very process runs, not another that was given its number."""
    if pid is None or created is None:
        return False
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
