"""GET /daily/{ticker}: the exchange days of a ticker, each with its session and its place in the market's cycle."""

from datetime import date
from typing import NamedTuple

from services.api import answers, pages, parameters, queries, records
from services.api.parameters import Given, Parameter
from services.api.problems import Invalid
from services.api.protocol import Context, Endpoint
from shared import symbols
from shared.errors import Rejected

TICKER = Parameter("ticker", "The ticker, in any case", {"type": "string"}, "AAPL", required=True, place="path")
DAY = {"type": "string", "format": "date"}


class Position(NamedTuple):
    """The last row's place."""

    day: str
    source: str


async def daily(context: Context, given: Given) -> bytes:
    """Days in [from, to], both included, in the order (date, source)."""
    try:
        ticker = symbols.canonical(given.path_values["ticker"])
    except Rejected as fault:
        raise Invalid("ticker", fault.message) from None
    source, first, last = given.text("source"), _day(given, "from"), _day(given, "to")
    if first and last and first > last:
        raise Invalid("from", "lies after to; expected from <= to")
    limit = given.limit(context.bounds.page_limit)
    scope = f"daily {source!r} {ticker} {first} {last}"
    after = given.cursor(scope, Position) or Position("0001-01-01", "")
    place = date.fromisoformat(after.day), after.source
    found = await context.store.fetch(queries.DAILY, ticker, source, first, last, *place, limit + 1)
    rows = [records.daily(row) for row in found[:limit]]
    following = None
    if len(found) > limit:
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, Position(rows[-1].date, rows[-1].source)))
    return answers.page(rows, following)


def _day(given: Given, name: str) -> date | None:
    value = given.text(name)
    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError:
        raise Invalid(name, f"{str(value)[:80]!r} is not a day like 2024-11-29") from None


ENDPOINTS = (
    Endpoint(
        "/daily/{ticker}",
        "Exchange days of a ticker",
        daily,
        (
            TICKER,
            parameters.SOURCE,
            Parameter("from", "The first day, included", DAY, "2024-11-01"),
            Parameter("to", "The last day, included", DAY, "2024-11-30"),
            parameters.LIMIT,
            parameters.CURSOR,
        ),
        answers.Daily,
        description="The days that runs have asked for; a day without a session has no row.",
    ),
)
