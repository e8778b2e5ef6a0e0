"""GET /runs and /runs/{id}: what was fetched, ingested or replayed, and what became of it."""

from typing import NamedTuple

from services.api import answers, answers_runs, pages, parameters, queries, records
from services.api.parameters import Given, Parameter, printable
from services.api.problems import missing
from services.api.protocol import Context, Endpoint

SCOPE = "runs"
RUN_ID = Parameter("id", "The run's id", {"type": "string"}, required=True, place="path")


class Position(NamedTuple):
    """Where the last row stands."""

    requested_at: int
    run_id: str


async def runs(context: Context, given: Given) -> bytes:
    """Runs, the newest first."""
    limit = given.limit(context.bounds.page_limit)
    before = given.cursor(SCOPE, Position) or (None, "")
    found = await context.store.fetch(queries.RUNS, *before, limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = pages.next_url(given.path, given.pairs, pages.encode(SCOPE, Position(last["requested_at"], last["run_id"])))
    return answers.page([records.run(row) for row in found[:limit]], following)


async def run(context: Context, given: Given) -> bytes:
    """One run with its counts; 404 where there is none."""
    run_id = printable("id", given.path_values["id"])
    found = await context.store.fetch(queries.RUN, run_id)
    if not found:
        raise missing(f"there is no run {run_id!r}")
    return answers.single(records.counted_run(found[0]))


ENDPOINTS = (
    Endpoint("/runs", "Runs, the newest first", runs, (parameters.LIMIT, parameters.CURSOR), answers_runs.Run),
    Endpoint("/runs/{id}", "A run and its ledger", run, (RUN_ID,), answers_runs.RunCounts, listed=False),
)
