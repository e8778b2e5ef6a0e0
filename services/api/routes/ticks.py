"""GET /ticks: the stored facts of a symbol in the order of their event times."""

from typing import NamedTuple

from starlette.responses import Response

from services.api import answers, formats, pages, parameters, queries, records
from services.api.parameters import KINDS, Given
from services.api.problems import Invalid
from services.api.protocol import Context, Endpoint
from shared.time import LATEST


class Position(NamedTuple):
    """Where the last row stands."""

    event_time: int
    sequence: int
    id: str
    source: str
    kind: str


BEFORE_ALL = Position(0, -(2**63), "", "", "")


async def ticks(context: Context, given: Given) -> Response:
    """Ticks with event times in [from, to), ordered by (event_time, sequence, id, source, kind)."""
    symbol = given.symbol()
    if symbol is None:
        raise Invalid("symbol", "is required, like BTC-USDT")
    source, kind = given.text("source"), given.choice("kind", KINDS)
    start, end = parameters.span(given)
    limit = given.limit(context.bounds.page_limit)
    scope = f"ticks {source!r} {symbol} {kind} {start} {end}"
    after = given.cursor(scope, Position) or BEFORE_ALL
    first, beyond = max(start or 0, after.event_time), LATEST - 1 if end is None else end
    found = await context.store.fetch(queries.TICKS, symbol, source, kind, first, beyond, *after, limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        position = Position(last["event_time"], last["sequence"], last["id"], last["source"], last["kind"])
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, position))
    return await formats.page(given.accept, [records.tick(row) for row in found[:limit]], answers.Tick, following)


ENDPOINTS = (
    Endpoint(
        "/ticks",
        "Stored ticks of a symbol",
        ticks,
        (
            parameters.SYMBOL_REQUIRED,
            parameters.SOURCE,
            parameters.KIND,
            parameters.FROM,
            parameters.TO,
            parameters.LIMIT,
            parameters.CURSOR,
        ),
        answers.Tick,
        formats=True,
    ),
)
