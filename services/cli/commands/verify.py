"""`tickplant verify`: whether everything that came in is stored, counted and archived, and what is stored follows from it.

Invariant: the proof is the writer's own; this only starts it on the running stack.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from services.cli.environment import load_environment
from services.cli.terminal import fail


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(verify)


def verify(
    since: Annotated[str, typer.Option(help="Compute anew only what is of then or later, like 2026-01-05T14:30:00Z.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also read every object of the archive, and the log around each.")] = False,
) -> None:
    """Prove that nothing was lost. Exit code 1: something does not balance; 2: a part did not answer."""
    from deploy.local.settings import inherited

    load_environment()
    command = [
        sys.executable,
        "-m",
        "services.writer",
        "verify",
        *(["--since", since] if since else []),
        *(["--all"] if everything else []),
    ]
    done = subprocess.run(command, env=inherited(), check=False)
    if done.returncode:
        raise fail("not proved") if done.returncode not in (1, 2) else typer.Exit(done.returncode)
