"""GET /ledger: received = stored + duplicate + rejected, by source, run and hour of receive time."""

from typing import NamedTuple

import msgspec
from asyncpg import Record

from services.api import answers, pages, parameters
from services.api.answers import Time, iso
from services.api.parameters import Given, Parameter
from services.api.protocol import Context, Endpoint
from services.api.queries_ledger import LEDGER
from shared.time import LATEST

RUN = Parameter("run", "This run only; what came live has none", {"type": "string"}, "events-20260113T113214-3fa9c1")


class Count(msgspec.Struct, frozen=True):
    """One hour of a source's run; `balanced` once everything received is accounted for. `expired`: of those stored, no longer kept."""

    source: str
    run: str | None
    hour: Time
    received: int
    stored: int
    duplicate: int
    late: int
    rejected: int
    expired: int
    mismatch: int
    balanced: bool


class Position(NamedTuple):
    """Where the last row stands."""

    hour: int
    source: str
    run: str


async def ledger(context: Context, given: Given) -> bytes:
    """Counts in the order (hour, source, run)."""
    source, run = given.text("source"), given.text("run")
    start, end = parameters.span(given)
    limit = given.limit(context.bounds.page_limit)
    scope = f"ledger {source!r} {run!r} {start} {end}"
    after = given.cursor(scope, Position) or Position(0, "", "")
    beyond = LATEST - 1 if end is None else end
    found = await context.store.fetch(LEDGER, source, run, start or 0, beyond, *after, limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, Position(last["hour"], last["source"], last["run"])))
    return answers.page([_count(row) for row in found[:limit]], following)


def _count(row: Record) -> Count:
    source, run, hour, received, stored, duplicate, late, rejected, expired, mismatch = row
    balanced = received == stored + duplicate + rejected
    return Count(source, run or None, iso(hour), received, stored, duplicate, late, rejected, expired, mismatch, balanced)


ENDPOINTS = (
    Endpoint(
        "/ledger",
        "What came in, and what became of it",
        ledger,
        (parameters.SOURCE, RUN, parameters.FROM, parameters.TO, parameters.LIMIT, parameters.CURSOR),
        Count,
        description="For every source and run, received = stored + duplicate + rejected; `tickplant verify` proves it against the data.",
    ),
)
