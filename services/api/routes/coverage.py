"""GET /coverage: what live sources missed, and how each hole ended."""

from typing import Literal, NamedTuple, get_args

from services.api import answers, pages, parameters, queries, records
from services.api.parameters import KINDS, Given, Parameter
from services.api.protocol import Context, Endpoint

State = Literal["open", "repaired", "lost"]
STATES: tuple[State, ...] = get_args(State)


class Position(NamedTuple):
    """Where the last row stands."""

    found_at: int
    source: str
    symbol: str
    kind: str
    place: int


async def coverage(context: Context, given: Given) -> bytes:
    """Holes that touch [from, to), the newest found first."""
    source, symbol, kind, state = given.text("source"), given.symbol(), given.choice("kind", KINDS), given.choice("state", STATES)
    start, end = parameters.span(given)
    limit = given.limit(context.bounds.page_limit)
    scope = f"coverage {source!r} {symbol} {kind} {state} {start} {end}"
    before = given.cursor(scope, Position) or (None, None, None, None, None)
    found = await context.store.fetch(queries.HOLES, source, symbol, kind, state, start, end, *before, limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        position = Position(last["found_at"], last["source"], last["symbol"] or "", last["kind"], last["place"])
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, position))
    return answers.page([records.hole(row) for row in found[:limit]], following)


ENDPOINTS = (
    Endpoint(
        "/coverage",
        "What live sources missed, and how each hole ended",
        coverage,
        (
            parameters.SOURCE,
            parameters.SYMBOL,
            parameters.KIND,
            Parameter("state", "Holes in this state only", {"type": "string", "enum": list(STATES)}, "open"),
            parameters.FROM,
            parameters.TO,
            parameters.LIMIT,
            parameters.CURSOR,
        ),
        answers.Hole,
        description="A hole without ids and without a symbol is an outage of a kind that the venue keeps no history of.",
    ),
)
