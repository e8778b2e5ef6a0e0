"""`tickplant watch [SYMBOL]`: the newest prices and the candles that form, in the terminal.

Invariant: it only reads the api, so it shows what any client would see.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import typer

from services.cli import runs, table, terminal

if TYPE_CHECKING:
    import httpx

REFRESH_SECONDS = 1.0
HEADER = ("source", "symbol", "kind", "price", "at", "minute", "open", "high", "low", "close", "volume", "ticks", "")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(watch)


def watch(
    symbol: str = typer.Argument("", help="One symbol; all by default."), times: int = typer.Option(0, help="End after so many looks.")
) -> None:
    """Watch prices and candles as they form; Ctrl-C ends it."""
    import httpx

    found = runs.settings()
    base = f"http://{runs.host(found)}:{found.api.port}"
    looks = 0
    with httpx.Client(base_url=base, timeout=5.0) as client:
        while True:
            try:
                shown = table.lines(HEADER, *rows(client, symbol))
            except httpx.HTTPError as fault:
                raise terminal.fail(f"the api at {base} does not answer ({fault}); {runs.START}") from None
            if sys.stdout.isatty():
                terminal.say("\x1b[2J\x1b[H" + "\n".join(shown))
            else:
                terminal.say("\n".join(shown))
            looks += 1
            if looks == times:
                return
            time.sleep(REFRESH_SECONDS)


def rows(client: httpx.Client, symbol: str) -> list[tuple[str, ...]]:
    """A row per source, symbol and kind, with the newest candle of each."""
    latest = _results(client, "/latest", {"symbol": symbol} if symbol else {})
    return [row(price, _newest(client, price)) for price in latest]


def row(price: dict[str, Any], candle: dict[str, Any] | None) -> tuple[str, ...]:
    """One line: what the source said last, and its minute so far."""
    head = (price["source"], price["symbol"], price["kind"], price["price"], price["event_time"][11:19])
    if candle is None:
        return (*head, *[""] * 8)
    values = [candle[name] for name in ("open", "high", "low", "close")]
    volume = candle["volume"] if candle["volume"] is not None else ""
    return (*head, candle["start"][11:16], *values, volume, str(candle["tick_count"]), "closed" if candle["is_closed"] else "")


def _newest(client: httpx.Client, price: dict[str, Any]) -> dict[str, Any] | None:
    minute = f"{price['event_time'][:16]}:00Z"
    wanted = {"source": price["source"], "symbol": price["symbol"], "kind": price["kind"], "from": minute}
    found = _results(client, "/candles", wanted)
    return found[-1] if found else None


def _results(client: httpx.Client, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """The answer's rows; numbers stay the text they came as, so no digit is lost."""
    import json

    response = client.get(path, params=query)
    response.raise_for_status()
    document: dict[str, Any] = json.loads(response.text, parse_float=str)
    found: list[dict[str, Any]] = document["results"]
    return found
