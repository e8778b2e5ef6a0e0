"""`tickplant trace`: a candle taken apart into the raw records that made it.

Invariant: candle and ticks are the api's, bytes are the log's; nothing is computed but counts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import letters, origins, runs, table, terminal

if TYPE_CHECKING:
    from shared.settings import Settings

SHOWN = 200  # bytes of a record
MOST = 100_000  # ticks


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(trace)


def trace(
    symbol: Annotated[str, typer.Argument(help="The symbol, like BTC-USDT.")],
    start: Annotated[str, typer.Argument(help="A moment of the candle.")],
    source: Annotated[str, typer.Option(help="Who said it.")],
    kind: Annotated[str, typer.Option(help="trade, quote or index.")] = "trade",
    interval: Annotated[str, typer.Option(help="The candle's width.")] = "1m",
) -> None:
    """Show a candle, what its ticks came from, and the first raw record of each origin."""
    from shared.errors import Unavailable

    found = runs.settings()
    asked = {"symbol": symbol, "source": source, "kind": kind}
    candles = _ask(found, "/candles", {**asked, "interval": interval, "from": start, "limit": "1"})["results"]
    if not candles:
        raise terminal.fail(f"{source} has no {kind} candle of {symbol} at or after {start}")
    candle = candles[0]
    ticks = _ticks(found, {**asked, "from": candle["start"], "to": candle["end"]})
    try:
        records = asyncio.run(origins.read(found, {origins.place_of(tick) for tick in ticks}))
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
    for name in ("start", "open", "high", "low", "close", "volume", "tick_count", "late_count", "coverage", "is_closed"):
        terminal.say(f"{name + ':':<12} {candle[name]}")
    groups = origins.gathered(ticks, records)
    terminal.say("")
    for line in table.lines(origins.COLUMNS, *(origins.cells(name, group) for name, group in groups.items())):
        terminal.say(line)
    for group in groups.values():
        (partition, offset), record = group.first()
        if record is not None:
            value = letters.readable(record.value or b"")
            terminal.say("")
            terminal.say(f"{partition}:{offset} {value[:SHOWN]}{'…' if len(value) > SHOWN else ''}")


def _ticks(found: Settings, asked: dict[str, str]) -> list[dict[str, Any]]:
    page = _ask(found, "/ticks", {**asked, "limit": "5000"})
    ticks = list(page["results"])
    while page["next_url"] is not None:
        if len(ticks) > MOST:
            raise terminal.fail(f"the candle has more than {MOST:,} ticks: ask for a shorter interval")
        page = _ask(found, page["next_url"], {})
        ticks += page["results"]
    return ticks


def _ask(found: Settings, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    """An answer, every number as it is spelled."""
    import json

    import httpx

    url = f"http://{runs.host(found)}:{found.api.port}{path}"
    try:
        response = httpx.get(url, params=parameters or None, timeout=30)
    except httpx.TransportError as fault:
        raise terminal.fail(f"{url} does not answer ({fault}); {runs.START}") from None
    if response.status_code != httpx.codes.OK:
        raise terminal.fail(f"{url}: {response.json().get('detail', response.text[:200])}")
    return dict(json.loads(response.text, parse_float=str, parse_int=str))
