"""`tickplant maintain`: removes what the store and the archive have kept long enough, and names what does not belong there.

Invariant: the work is the writer's own; this only starts it on the running stack.
"""

from __future__ import annotations

import subprocess
import sys

import typer

from services.cli.environment import load_environment


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(maintain)


def maintain() -> None:
    """Drop days stored more than WRITER__RETENTION_DAYS ago, and objects after S3__RETENTION_DAYS. Exit code 1: look; 2: no answer."""
    from deploy.local.settings import inherited

    load_environment()
    done = subprocess.run([sys.executable, "-m", "services.writer", "maintain"], env=inherited(), check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
