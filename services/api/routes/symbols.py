"""GET /symbols: what there is."""

from typing import NamedTuple

from services.api import answers, pages, parameters, queries, records
from services.api.parameters import Given
from services.api.protocol import Context, Endpoint

SCOPE = "symbols"


class Position(NamedTuple):
    """The key of the last row."""

    symbol: str
    source: str
    kind: str


async def symbols(context: Context, given: Given) -> bytes:
    """Symbols by name, each with its sources and kinds."""
    limit = given.limit(context.bounds.page_limit)
    after = given.cursor(SCOPE, Position) or Position("", "", "")
    found = [records.symbol(row) for row in await context.store.fetch(queries.SYMBOLS, *after, limit + 1)]
    rows = found[:limit]
    following = None
    if len(found) > limit:
        last = rows[-1]
        following = pages.next_url(given.path, given.pairs, pages.encode(SCOPE, Position(last.symbol, last.source, last.kind)))
    return answers.page(rows, following)


ENDPOINTS = (Endpoint("/symbols", "Symbols, their sources and kinds", symbols, (parameters.LIMIT, parameters.CURSOR), answers.Symbol),)
