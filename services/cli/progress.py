"""How a run's progress looks: a bar on a terminal, otherwise a plain line when something has changed and some seconds have passed.

Invariant: progress goes to stderr, so that stdout holds results only.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

LINE_SECONDS = 2.0
Show = Callable[[dict[str, Any]], None]


@contextmanager
def progress(run_id: str) -> Iterator[Show]:
    """A function that shows a run's state."""
    if sys.stderr.isatty():
        with _bar(run_id) as show:
            yield show
    else:
        yield _lines(run_id)


def describe(run: dict[str, Any]) -> str:
    """`running: 1,200,000 rows sent, 800,000 received, 100 %`."""
    total = run["bytes_total"]
    share = f", {min(100 * run['bytes_read'] // total, 100)} % read" if total else ""
    message = f": {run['message']}" if run["message"] else ""
    return f"{run['status']}, {run['sent']:,} rows sent, {run['received']:,} received{share}{message}"


def _lines(run_id: str) -> Show:
    said, due = "", 0.0

    def show(run: dict[str, Any]) -> None:
        nonlocal said, due
        line = describe(run)
        if line != said and time.monotonic() >= due:
            typer.echo(f"{run_id}: {line}", err=True)
            said, due = line, time.monotonic() + LINE_SECONDS

    return show


@contextmanager
def _bar(run_id: str) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TimeElapsedColumn(), BarColumn(bar_width=20), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(run_id, total=None, said="requested")

        def show(run: dict[str, Any]) -> None:
            # Half of the way is reading, half is storing what was read.
            stored = run["stored"] + run["duplicate"] + run["rejected"]
            total = run["bytes_total"] or 1
            done = min(run["bytes_read"] / total, 1) / 2 + (min(stored / run["sent"], 1) / 2 if run["sent"] else 0)
            bar.update(task, total=1, completed=done, said=describe(run))

        yield show
