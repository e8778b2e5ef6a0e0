"""`tickplant maintain`: removes what the archive has kept long enough, and names what does not belong there.

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
    """Remove objects stored more than S3__RETENTION_DAYS ago. Exit code 1: something lies there that does not belong; 2: no answer."""
    from deploy.local.settings import inherited

    load_environment()
    done = subprocess.run([sys.executable, "-m", "services.writer", "maintain"], env=inherited(), check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
