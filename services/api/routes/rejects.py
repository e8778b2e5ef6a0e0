"""GET /rejects: what could not be used, counted by reason, with samples."""

from typing import NamedTuple

from services.api import answers, answers_runs, pages, parameters, queries, records
from services.api.parameters import Given, Parameter
from services.api.protocol import Context, Endpoint

REASON = Parameter("reason", "Rejected for this reason only", {"type": "string"}, "bad_timestamp")
RUN = Parameter("run", "Rows of this run only", {"type": "string"}, "events-20260113T113214-3fa9c1")


class Position(NamedTuple):
    """Where the last sample stands."""

    received_at: int
    origin: str


async def rejects(context: Context, given: Given) -> bytes:
    """Counts over everything that the filters leave, and a page of samples, the newest first."""
    run, reason = given.text("run"), given.text("reason")
    limit = given.limit(context.bounds.page_limit)
    scope = f"rejects {run!r} {reason!r}"
    before = given.cursor(scope, Position) or (None, "")
    of_run = run is not None
    counts = await context.store.fetch(queries.REASONS_OF_RUN if of_run else queries.REASONS, run, reason)
    nulled = await context.store.fetch(queries.NULLED_OF_RUN if of_run else queries.NULLED, run)
    found = await context.store.fetch(queries.REJECTS_OF_RUN if of_run else queries.REJECTS, run, reason, *before, limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, Position(last["received_at"], last["origin"])))
    samples = [records.reject(row) for row in found[:limit]]
    return answers.single(answers_runs.Rejects({row[0]: row[1] for row in counts}, {row[0]: row[1] for row in nulled}, samples, following))


ENDPOINTS = (
    Endpoint(
        "/rejects",
        "What was rejected, by reason, with samples",
        rejects,
        (REASON, RUN, parameters.LIMIT, parameters.CURSOR),
        answers_runs.Rejects,
        listed=False,
        description="`nulled` counts the fields of kept operational events that were given and could not be used.",
    ),
)
