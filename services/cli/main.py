"""The command's entry point: builds the application from the registry.

Invariant: an error a user can act on is one line on stderr and exit code 1, never a traceback.
"""

from __future__ import annotations

import sys

import typer

from deploy.local.part import StartError
from services.cli.commands import COMMANDS
from services.cli.terminal import fail


def application() -> typer.Typer:
    app = typer.Typer(name="tickplant", help="Run and operate a Tickplant stack.", no_args_is_help=True, add_completion=False)
    for register in COMMANDS:
        register(app)
    return app


def main() -> None:
    try:
        application()()
    except StartError as error:
        sys.exit(fail(str(error)).exit_code)
