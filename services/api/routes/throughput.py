"""GET /throughput: how many ticks there were, by source or by symbol."""

from typing import Literal, get_args

from services.api import answers, parameters, queries, records
from services.api.parameters import KINDS, Given, Parameter
from services.api.problems import Invalid
from services.api.protocol import Context, Endpoint
from shared.time import DAY, MINUTE, floor

By = Literal["source", "symbol"]
BY: tuple[By, ...] = get_args(By)
MOST_DAYS = 31


async def throughput(context: Context, given: Given) -> bytes:
    """Groups by their ticks, the most first."""
    by = given.choice("by", BY) or "source"
    source, symbol, kind = given.text("source"), given.symbol(), given.choice("kind", KINDS)
    start, end = parameters.span(given)
    if start is None or end is None:
        raise Invalid("from" if start is None else "to", "is required: what is counted lies between")
    if end - start > MOST_DAYS * DAY:
        raise Invalid("from", f"lies more than {MOST_DAYS} days before to")
    limit = given.limit(context.bounds.page_limit)
    start, end = floor(start, MINUTE), max(floor(end + MINUTE - 1, MINUTE), floor(start, MINUTE) + MINUTE)
    rows = await context.store.fetch(queries.THROUGHPUT[by], source, symbol, kind, start, end, limit)
    return answers.page([records.throughput(row, end - start) for row in rows], None)


ENDPOINTS = (
    Endpoint(
        "/throughput",
        "Ticks by source or by symbol",
        throughput,
        (
            Parameter("by", "What is counted together, source where it is not given", {"type": "string", "enum": list(BY)}, "symbol"),
            parameters.SOURCE,
            parameters.SYMBOL,
            parameters.KIND,
            parameters.FROM,
            parameters.TO,
            parameters.LIMIT,
        ),
        answers.Throughput,
        description=f"Whole minutes of event time, at most {MOST_DAYS} days; the groups with the most ticks, at most `limit`.",
    ),
)
