"""`tickplant report execution-quality`: the api's report as lines of a table, or as CSV or JSON.

Invariant: nothing is computed here; every figure is the api's.
"""

from __future__ import annotations

import csv
import sys
from typing import Annotated, Any, Literal

import typer

from services.cli import runs, table, terminal

COLUMNS = (
    "group fills shares vwap priced_shares shares_improved shares_at_quote shares_outside at_or_better_percent total_pi_dollars "
    "pi_per_share slippage quoted_spread effective_spread effective_over_quoted "
    "realized_1s realized_15s realized_1m realized_5m seconds_to_execution"
).split()


def register(app: typer.Typer) -> None:
    """Adds the group `report`."""
    group = typer.Typer(help="Reports over what is stored.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command()(execution_quality)
    app.add_typer(group, name="report")


def execution_quality(
    group_by: Annotated[Literal["symbol", "venue", "side", "day"], typer.Option(help="What the executions are grouped by.")] = "symbol",
    symbol: Annotated[str, typer.Option(help="Only this symbol.")] = "",
    side: Annotated[str, typer.Option(help="buy or sell only.")] = "",
    venue: Annotated[str, typer.Option(help="Only this destination.")] = "",
    since: Annotated[str, typer.Option("--from", help="The first moment, included.")] = "",
    until: Annotated[str, typer.Option("--to", help="The first moment that is not included.")] = "",
    form: Annotated[Literal["table", "csv", "json"], typer.Option("--format", help="How it is printed.")] = "table",
) -> None:
    """Print the share-weighted execution quality of each group."""
    given = {"group_by": group_by, "symbol": symbol, "side": side, "venue": venue, "from": since, "to": until}
    text, results = _asked({name: value for name, value in given.items() if value})
    if form == "json":
        terminal.say(text)
        return
    rows = [_cells(result) for result in results]
    if form == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows([COLUMNS, *rows])
        return
    for line in table.lines(COLUMNS, *rows):
        terminal.say(line)


def _asked(parameters: dict[str, str]) -> tuple[str, list[dict[str, Any]]]:
    """The answer as it came, and its rows with every number as text."""
    import json

    import httpx

    found = runs.settings()
    url = f"http://{runs.host(found)}:{found.api.port}/execution-quality"
    try:
        response = httpx.get(url, params=parameters, timeout=30)
    except httpx.TransportError as fault:
        raise terminal.fail(f"{url} does not answer ({fault}); {runs.START}") from None
    if response.status_code != httpx.codes.OK:
        raise terminal.fail(f"{url}: {response.json().get('detail', response.text[:200])}")
    return response.text, json.loads(response.text, parse_float=str, parse_int=str)["results"]


def _cells(row: dict[str, Any]) -> list[str]:
    flat = {**row, **{f"realized_{horizon}": value for horizon, value in row["realized_spread"].items()}}
    return ["" if flat[name] is None else _short(str(flat[name])) for name in COLUMNS]


def _short(text: str) -> str:
    """Without the zeros behind the last digit of a fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text
