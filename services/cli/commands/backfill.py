"""`tickplant backfill`: ask a provider for a symbol's past, through the same path as everything else.

Invariant: a source that cannot be asked is refused here, and nothing is published then.
"""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli import daily as days
from services.cli import runs, terminal


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(backfill)


def backfill(
    source: Annotated[str, typer.Option(help="Who is asked, like polygon.", show_default=False)],
    symbol: Annotated[str, typer.Option(help="The symbol, like AAPL or BTC-USD.", show_default=False)],
    since: Annotated[str, typer.Option("--from", help="The first moment, included; UTC where it names no zone.", show_default=False)],
    until: Annotated[str, typer.Option("--to", help="The first moment that is not included.", show_default=False)],
    wait: Annotated[bool, typer.Option(help="Show progress, then the ledger; exit code 1 if the run failed.")] = True,
) -> None:
    """Fetch what a provider keeps of a symbol's past."""
    from shared.errors import Rejected
    from shared.providers import HISTORY, provider_name

    try:
        known = provider_name(source) in HISTORY
    except Rejected:
        known = False
    if not known:
        raise terminal.fail(f"--source {source!r} cannot be asked for its past; these can: {', '.join(HISTORY)}")
    found = runs.settings()
    run = runs.new("backfill", "backfill", days.named(source, found), days.past(symbol, since, until))
    runs.publish(found, [run])
    if wait and runs.wait(found, run.run_id) is None:
        raise typer.Exit(1)
