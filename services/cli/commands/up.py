"""`tickplant up`: start the stack and keep it until Ctrl-C, or in the background with --detach.

Invariant: when it fails before anything is ready, nothing is left running.
"""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli import terminal


def register(app: typer.Typer) -> None:
    app.command()(up)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready; `tickplant down` stops it.")] = False,
    only: Annotated[str, typer.Option(help="Comma-separated parts and services to start; all by default.")] = "",
) -> None:
    """Start Kafka, Postgres, S3 and the services."""
    from deploy.local import control
    from deploy.local.settings import load
    from services.cli.commands.status import show

    settings = load()
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    if stack := control.running(settings.home.resolve()):
        terminal.say("the stack is running already:")
        show(stack)
        return
    try:
        if not detach:
            control.supervise(settings, names, terminal.say, terminal.echo)
        elif not control.detach(settings, names, terminal.say):
            raise typer.Exit(1)
    except control.AlreadyRunningError as error:
        raise terminal.fail("the stack is being started by another process") from error
