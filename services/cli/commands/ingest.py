"""`tickplant ingest prices|frames|events|orders`: ask the fetcher to read files.

Invariant: what can be known to be wrong before the file is read is said here, and nothing is published then.
"""

from __future__ import annotations

import asyncio
import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import runs, terminal

if TYPE_CHECKING:
    from shared.runs import RowKind
    from shared.settings import Settings

SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
ADDRESS = re.compile(r"(https?://[^/\s]+/|s3://[^/\s]+/)\S+", re.IGNORECASE)
File = Annotated[
    str,
    typer.Argument(
        help="The file, plain or gzip, or its address (https://… or s3://bucket/key); the fetcher must be allowed to read it.",
        show_default=False,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Show progress, then the ledger; exit code 1 if the run failed.")]


def register(app: typer.Typer) -> None:
    """Adds the group `ingest`."""
    group = typer.Typer(help="Bring files in.", no_args_is_help=True)
    group.command()(prices)
    group.command()(frames)
    group.command()(events)
    group.command()(orders)
    app.add_typer(group, name="ingest")


def prices(
    file: File,
    source: Annotated[str, typer.Option(help="Who says these prices, like binance.")] = "csv",
    symbol: Annotated[str, typer.Option(help="The symbol of every row, like BTC-USDT, where the file has no column for it.")] = "",
    column: Annotated[list[str] | None, typer.Option(help="Our name of a column = the file's, like price=px. Repeatable.")] = None,
    header: Annotated[str, typer.Option(help="Names for the columns of a file without a header, comma-separated.")] = "",
    timezone: Annotated[str, typer.Option(help="The zone of timestamps that name none, like America/New_York.")] = "UTC",
    wait: Wait = False,
) -> None:
    """Ingest a CSV of trades, quotes or prices."""
    from shared.runs import PricesRequest

    request = PricesRequest(
        _existing(file),
        symbol or None,
        dict(_mapping(given) for given in column or []),
        next(csv.reader([header])) if header else [],
        timezone,
    )
    _ask("prices", _named(source), request, wait=wait)


def frames(
    file: File,
    provider: Annotated[str, typer.Option(help="Whose frames these are, like coinbase.", show_default=False)],
    source: Annotated[str, typer.Option(help="The source's name if it is not the provider's: it begins with it, like coinbase-2.")] = "",
    wait: Wait = False,
) -> None:
    """Ingest a recorded session, `receive time: frame` per line."""
    from shared.providers import PROVIDERS
    from shared.runs import FramesRequest

    venues = [name for name in PROVIDERS if name != "prices-csv"]
    if provider not in venues:
        raise terminal.fail(f"--provider {provider!r} is none of {', '.join(venues)}")
    name = _named(source or provider)
    if name != provider and not name.startswith(f"{provider}-"):
        raise terminal.fail(f"--source {name!r} must be {provider!r} or begin with '{provider}-': it tells how the frames are read")
    _ask("frames", name, FramesRequest(_existing(file), provider), wait=wait)


def events(
    file: File,
    wait: Wait = False,
    output: Annotated[Path | None, typer.Option(help="Also write the run's layers there, as CSV and Parquet; waits.")] = None,
) -> None:
    """Ingest operational events: lines of JSON, a JSON array or a CSV."""
    from shared.runs import EventsRequest

    if output is not None and output.exists() and not output.is_dir():
        raise terminal.fail(f"--output {output} is no folder")
    found, ended = _ask("events", "events", EventsRequest(_existing(file)), wait=wait or output is not None)
    if output is not None:
        _write(found, ended, output)


def _write(found: Settings, run: dict[str, Any], folder: Path) -> None:
    from services.cli import layers
    from shared.errors import Unavailable

    try:
        cases = asyncio.run(layers.collect(found, run["run_id"], run["sent"]))
        paths = layers.write(folder, cases)
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
    except layers.Incomplete as fault:
        raise terminal.fail(f"--output: {fault}") from None
    except OSError as fault:
        raise terminal.fail(f"--output {folder}: {fault.strerror}") from None
    for path in paths:
        terminal.say(str(path))


def orders(
    orders: Annotated[str, typer.Option(help="Orders.", show_default=False)] = "",
    trades: Annotated[str, typer.Option(help="Executions of orders.", show_default=False)] = "",
    nbbo: Annotated[str, typer.Option(help="National best bids and offers.", show_default=False)] = "",
    timezone: Annotated[str, typer.Option(help="The zone of timestamps that name none, like America/New_York.")] = "UTC",
    wait: Wait = False,
) -> None:
    """Ingest CSV files (or their addresses) of orders, executions and quotes, one of each or some of them."""
    from shared.runs import OrdersRequest

    given: dict[str, Any] = {name: _existing(path) for name, path in (("orders", orders), ("trades", trades), ("nbbo", nbbo)) if path}
    if not given:
        raise terminal.fail("give at least one of --orders, --trades and --nbbo")
    _ask("orders", "orders", OrdersRequest(timezone=timezone, **given), wait=wait)


def _ask(kind: RowKind, source: str, request: object, *, wait: bool) -> tuple[Settings, dict[str, Any]]:
    found = runs.settings()
    run = runs.new(kind, kind, source, request)
    runs.publish(found, [run])
    ended = runs.wait(found, run.run_id) if wait else {}
    if ended is None:
        raise typer.Exit(1)
    return found, ended


def _existing(given: str) -> str:
    """The file's full path; an address as it is, since only the fetcher knows what it may fetch."""
    if "://" in given:
        if ADDRESS.fullmatch(given) is None:
            raise terminal.fail(
                f"{given} is no address of a file, like s3://bucket/folder/trades.csv or https://data.example.com/trades.csv"
            )
        return given
    file = Path(given)
    if not file.is_file():
        raise terminal.fail(f"{file} is not a file" if file.exists() else f"there is no file {file}")
    return str(file.resolve())


def _named(source: str) -> str:
    if not SOURCE.fullmatch(source):
        raise terminal.fail(f"--source {source!r} must be lower-case letters, digits and dashes, at most 64")
    return source


def _mapping(given: str) -> tuple[str, str]:
    ours, _, theirs = given.partition("=")
    if not ours.strip() or not theirs.strip():
        raise terminal.fail(f"--column {given!r} must be our name = the file's, like price=px")
    return ours.strip(), theirs.strip()
