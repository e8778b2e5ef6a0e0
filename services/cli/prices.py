"""`tickplant fetch prices`: asks the fetcher for a snapshot, prints it and keeps every attempt in its minute's CSV.

Invariant: what the file has is what the run has; a price that nobody gave is told, and the exit code is 1.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import runs, table, terminal

COLUMNS = ("asset", "price_usd", "source", "timestamp_utc", "flags")
# A snapshot has a deadline of its own.
ANSWER_SECONDS = 330.0


def prices(
    assets: Annotated[str, typer.Option(help="By their common names, comma-separated; by default as the settings say.")] = "",
    sources: Annotated[str, typer.Option(help="Who is asked, in this order; by default as the settings say.")] = "",
    out: Annotated[Path | None, typer.Option(help="A folder that gets YYYY/MM/DD/prices-HHMM.csv, failed attempts included.")] = None,
) -> None:
    """Fetch the prices of some assets now, from the first source that has them."""
    body = {name: given for name, given in (("assets", _listed(assets)), ("sources", _listed(sources))) if given}
    answer = _asked(body)
    if out is not None:
        _keep(out, answer)
    for line in table.lines(COLUMNS, *(_cells(price) for price in answer["prices"])):
        terminal.say(line)
    if answer["missing"]:
        raise terminal.fail(f"{answer['run_id']}: {answer['message']}")


def _listed(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _asked(body: dict[str, Any]) -> dict[str, Any]:
    import json

    import httpx

    found = runs.settings()
    url = f"{found.fetcher.url}/fetch"
    try:
        response = httpx.post(url, json=body, timeout=ANSWER_SECONDS)
        answer: dict[str, Any] = json.loads(response.text, parse_float=Decimal)
    except (httpx.TransportError, ValueError) as fault:
        raise terminal.fail(f"{url} does not answer ({fault}); {runs.START}, or say where the fetcher is: FETCHER__URL") from None
    if "run_id" not in answer:
        raise terminal.fail(f"{url}: {answer.get('detail', response.text[:200])}")
    return answer


def _keep(folder: Path, answer: dict[str, Any]) -> None:
    from shared import price_files
    from shared.snapshots import attempts
    from shared.time import from_iso

    try:
        file = price_files.append(folder, from_iso(answer["started_at"]), attempts(answer))
    except OSError as fault:
        raise terminal.fail(f"--out {folder}: {fault.strerror}") from None
    terminal.say(str(file))


def _cells(price: dict[str, Any]) -> list[str]:
    return [price["asset"], f"{Decimal(price['price_usd']):f}", price["source"], price["timestamp_utc"], ",".join(price["flags"])]
