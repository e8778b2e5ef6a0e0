"""Daily bars and backfills as the operator asks for them: what is asked, said wrong before it is published, and shown when it is there."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from services.cli import runs, table, terminal

if TYPE_CHECKING:
    from shared.runs import BackfillRequest, DailyRequest
    from shared.settings import Settings

COLUMNS = ("ticker", "days", "first", "last", "close", "session", "market_phase")


def request(tickers: str, first: str, last: str, found: Settings) -> DailyRequest:
    """The request for comma-separated tickers and two days, both included."""
    from shared.errors import Rejected
    from shared.runs import DailyRequest
    from shared.symbols import canonical

    start, end = _day("--from", first), _day("--to", last or first)
    if start > end:
        raise terminal.fail(f"--from {start} is after --to {end}")
    try:
        asked = [canonical(name) for name in (tickers.split(",") if tickers else found.polygon.tickers) if name.strip()]
    except Rejected as fault:
        raise terminal.fail(f"--tickers: {fault.message}") from None
    if not asked:
        raise terminal.fail("--tickers names none")
    return DailyRequest(list(dict.fromkeys(asked)), start, end)


def past(symbol: str, first: str, last: str) -> BackfillRequest:
    """The request for a symbol's past in [first, last), moments or days in UTC."""
    from shared.errors import Rejected
    from shared.runs import BackfillRequest
    from shared.symbols import canonical
    from shared.time import from_iso

    try:
        asked = BackfillRequest(canonical(symbol), from_iso(first), from_iso(last))
    except Rejected as fault:
        raise terminal.fail(fault.message) from None
    if asked.start >= asked.end:
        raise terminal.fail(f"--from {first} is not before --to {last}")
    return asked


def named(source: str, found: Settings) -> str:
    """The source's name, with what it ends in where its provider is simulated."""
    return f"{source}-sim" if found.polygon.simulated and not source.endswith("-sim") else source


def show(found: Settings, asked: DailyRequest, source: str) -> None:
    """A line a ticker: how many days, and what its last one was."""
    lines = [_line(ticker, _days(found, ticker, source, asked.start, asked.end)) for ticker in asked.tickers]
    for line in table.lines(COLUMNS, *lines):
        terminal.say(line)


def _line(ticker: str, days: list[dict[str, Any]]) -> tuple[str, ...]:
    if not days:
        return ticker, "0", "", "", "", "", ""
    last = days[-1]
    said = (last["close"], last["session"], last["market_phase"] or f"none: {last['phase_reason']}")
    return ticker, str(len(days)), days[0]["date"], last["date"], *said


def _days(found: Settings, ticker: str, source: str, first: date, last: date) -> list[dict[str, Any]]:
    import json

    import httpx

    base = f"http://{runs.host(found)}:{found.api.port}"
    following: str | None = f"/daily/{ticker}?source={source}&from={first}&to={last}&limit=1000"
    days: list[dict[str, Any]] = []
    while following is not None:
        try:
            response = httpx.get(base + following, timeout=30)
            response.raise_for_status()
        except httpx.HTTPError as fault:
            raise terminal.fail(f"{base} does not answer ({fault}); {runs.START}") from None
        page = json.loads(response.text, parse_float=str)
        days += page["results"]
        following = page["next_url"]
    return days


def _day(option: str, given: str) -> date:
    try:
        return datetime.strptime(given, "%Y-%m-%d").date()  # noqa: DTZ007 a day of the exchange, in no zone
    except ValueError:
        raise terminal.fail(f"{option} {given!r} is no day, like 2024-11-29") from None
