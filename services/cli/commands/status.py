"""`tickplant status`: each part and service, whether it is ready, and why not.

Invariant: what is shown was asked for now; the state file only says whom to ask.
Exit codes: 0 all ready, 1 something is not, 3 nothing runs.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import terminal

if TYPE_CHECKING:
    from deploy.local.report import Line
    from deploy.local.state import State
    from shared.telemetry.exposed import Samples

NOT_READY, NOT_RUNNING = 1, 3
REFRESH_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Again and again, with throughput, lag and the books; Ctrl-C ends it.")
    ] = False,
    times: Annotated[int, typer.Option(help="With --watch: end after so many looks.")] = 0,
) -> None:
    """Show what runs, what is ready, and what is not and why."""
    from deploy.local import control
    from deploy.local.settings import load

    stack = control.running(load().home.resolve())
    if stack is None:
        terminal.say(
            json.dumps({"running": False, "ready": False, "parts": []}) if as_json else "nothing is running; start it with: make up"
        )
        raise typer.Exit(NOT_RUNNING)
    if watch:
        _watch(stack, times)
    elif not show(stack, as_json=as_json):
        raise typer.Exit(NOT_READY)


def show(stack: State, *, as_json: bool = False) -> bool:
    """Print the stack; returns whether everything is ready."""
    from deploy.local.report import report

    lines = report(stack)
    ready = all(line.ready for line in lines)
    if as_json:
        parts = [line.as_dict() for line in lines]
        terminal.say(json.dumps({"running": True, "ready": ready, "pid": stack.pid, "started": stack.started, "parts": parts}, indent=2))
    else:
        _print_table(lines)
    return ready


def _watch(stack: State, times: int) -> None:
    """The table and what the services measure, every other second."""
    from services.cli import glance, table

    looks, before, at = 0, _expositions(stack), time.time()
    while looks == 0 or looks != times:
        time.sleep(REFRESH_SECONDS)
        now, clock = _expositions(stack), time.time()
        parts = (
            (("source", "connected", "frames/s", "silent for", "newest"), glance.sources(before, now, clock - at, clock)),
            (("group", "partitions", "behind", "oldest"), glance.groups(before, now, clock - at)),
            (("all together", ""), glance.figures(before, now, clock - at)),
        )
        if sys.stdout.isatty():
            terminal.say("\x1b[2J\x1b[H")
        show(stack)
        for header, rows in parts:
            terminal.say("\n" + "\n".join(table.lines(header, *rows)))
        looks, before, at = looks + 1, now, clock


def _expositions(stack: State) -> Samples:
    """What every service that answers exposes."""
    import httpx

    from shared.telemetry.exposed import read

    texts = []
    for entry in stack.entries:
        if entry.kind == "service" and entry.port is not None:
            with contextlib.suppress(httpx.HTTPError):
                answer = httpx.get(f"http://127.0.0.1:{entry.port}/metrics", timeout=2.0, trust_env=False)
                texts += [answer.text] if answer.status_code == HTTPStatus.OK else []
    return read(texts)


def _print_table(lines: list[Line]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "pid", "state", "ready", "port", "uptime", "reason", box=None, pad_edge=False)
    for line in lines:
        up = duration(time.time() - line.started) if line.started else ""
        port = str(line.port or "")
        table.add_row(line.name, str(line.pid or ""), line.state, "yes" if line.ready else "no", port, up, line.reason)
    Console().print(table)


def duration(seconds: float) -> str:
    """`42s`, `7m`, `3h 5m`, `2d 1h`."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m" if minutes else f"{int(seconds)}s"
