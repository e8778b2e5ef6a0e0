"""`tickplant fetch daily|prices`: ask the fetcher for what providers have.

Invariant: what can be known to be wrong before anybody is asked is said here, and nothing is published then.
"""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli import daily as days
from services.cli import runs
from services.cli.prices import prices


def register(app: typer.Typer) -> None:
    """Adds the group `fetch`."""
    group = typer.Typer(help="Ask providers.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command()(daily)
    group.command()(prices)
    app.add_typer(group, name="fetch")


def daily(
    since: Annotated[str, typer.Option("--from", help="The first exchange day, included, like 2024-11-29.", show_default=False)],
    until: Annotated[str, typer.Option("--to", help="The last one, included; the first where it is not given.")] = "",
    tickers: Annotated[str, typer.Option(help="Comma-separated, like AAPL,MSFT; POLYGON__TICKERS where they are not given.")] = "",
    source: Annotated[str, typer.Option(help="Who is asked.")] = "polygon-daily",
    wait: Annotated[bool, typer.Option(help="Show progress, then the ledger and the days; exit code 1 if the run failed.")] = True,
) -> None:
    """Fetch daily bars of stocks, with the sessions before them that their phases need."""
    found = runs.settings()
    asked, name = days.request(tickers, since, until, found), days.named(source, found)
    run = runs.new("daily", "daily", name, asked)
    runs.publish(found, [run])
    if wait:
        if runs.wait(found, run.run_id) is None:
            raise typer.Exit(1)
        days.show(found, asked, name)
