"""GET /sources: the live sources, whether they are connected, and their gaps."""

from typing import NamedTuple

from services.api import answers, pages, parameters, queries, records
from services.api.parameters import Given
from services.api.protocol import Context, Endpoint

SCOPE = "sources"
GAPS = 100  # of each source, the newest


class Position(NamedTuple):
    """The key of the last row."""

    source: str


async def sources(context: Context, given: Given) -> bytes:
    """Sources by name."""
    limit = given.limit(context.bounds.page_limit)
    after = given.cursor(SCOPE, Position) or Position("")
    found = [records.source(row) for row in await context.store.fetch(queries.SOURCES, *after, limit + 1, GAPS)]
    rows, following = found[:limit], None
    if len(found) > limit:
        following = pages.next_url(given.path, given.pairs, pages.encode(SCOPE, Position(rows[-1].source)))
    return answers.page(rows, following)


ENDPOINTS = (Endpoint("/sources", "Live sources: state, counts, gaps", sources, (parameters.LIMIT, parameters.CURSOR), answers.Source),)
