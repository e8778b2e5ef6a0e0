"""What a running stack is doing now, asked of each process.

Invariant: a line is ready only if its process lives and its port answered just now.
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from deploy.local.ports import HOST
from deploy.local.service import readiness
from deploy.local.state import Entry, State

CONNECT_TIMEOUT = 2.0


@dataclass(frozen=True)
class Line:
    """One part or service; `started` in Unix seconds, `reason` says why it is not ready."""

    name: str
    kind: str
    pid: int | None
    state: str
    ready: bool
    port: int | None
    started: float | None
    restarts: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def report(stack: State) -> list[Line]:
    """One line per part and service, external ones included; asks all at once."""
    external = [Line(name, "external", None, "external", True, None, None, 0, where) for name, where in stack.external.items()]
    with ThreadPoolExecutor(max_workers=16) as pool:
        return [*external, *pool.map(_line, stack.entries)]


def _line(entry: Entry) -> Line:
    reason = _reason(entry)
    state = entry.state if reason is None or entry.state != "ready" else "not ready"
    return Line(entry.name, entry.kind, entry.pid, state, reason is None, entry.port, entry.created, entry.restarts, reason or "")


def _reason(entry: Entry) -> str | None:
    if not entry.lives:
        return entry.reason or "no process"
    if entry.port is None:
        return None
    return readiness(entry.port) if entry.kind == "service" else _unanswered(entry.port)


def _unanswered(port: int) -> str | None:
    try:
        with socket.create_connection((HOST, port), timeout=CONNECT_TIMEOUT):
            return None
    except OSError as error:
        return f"no answer from port {port}: {error}"
