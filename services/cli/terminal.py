"""What the command prints: progress, the output of processes with their names, and errors.

Invariant: results go to stdout, errors to stderr.
"""

from __future__ import annotations

import contextlib
import sys
from zlib import crc32

import typer

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
NAME_WIDTH = 12


def say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        typer.echo(line)


def echo(name: str, line: str) -> None:
    """One line of a process's output behind its name."""
    prefix = f"{name:<{NAME_WIDTH}} | "
    if sys.stdout.isatty():
        prefix = typer.style(prefix, fg=COLOURS[crc32(name.encode()) % len(COLOURS)])
    # Whoever read the output may have gone; the log file has the line.
    with contextlib.suppress(BrokenPipeError):
        typer.echo(prefix + line)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Print the message to stderr; the caller raises what this returns."""
    typer.secho(message, err=True, fg="red")
    return typer.Exit(code)
