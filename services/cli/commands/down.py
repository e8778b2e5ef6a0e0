"""`tickplant down`: stop the stack; the data stay.

Invariant: afterwards no process of the stack is left, also when its supervisor was killed.
"""

from __future__ import annotations

import typer

from services.cli import terminal


def register(app: typer.Typer) -> None:
    app.command()(down)


def down() -> None:
    """Stop everything that `up` started; the data stay."""
    from deploy.local import control
    from deploy.local.settings import load

    if not control.down(load().home.resolve(), terminal.say):
        terminal.say("nothing is running")
