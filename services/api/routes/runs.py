"""GET /runs and /runs/{id}: what was fetched, ingested or replayed, and what became of it."""

import time
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from services.api import answers, answers_runs, pages, parameters, queries, records
from services.api.parameters import Given, Parameter, printable
from services.api.problems import Invalid, Problem, missing
from services.api.protocol import Context, Endpoint
from shared import runs as rules
from shared.frames import FAULTS, rejected
from shared.topics import RUNS

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


class Cancelling(msgspec.Struct, frozen=True):
    """The fetcher that owns the run ends it; look for its end at `location`."""

    status: str
    run_id: str
    location: str


class _Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    why: str = ""


async def cancel(context: Context, given: Given) -> Response:
    """202 once the request is in the log; 404 where there is no such run, 409 where it cannot be cancelled."""
    run_id = printable("id", given.path_values["id"])
    why = _why(given.body)
    found = await context.store.fetch(queries.RUN_STATE, run_id)
    if not found:
        raise missing(f"there is no run {run_id!r}")
    if found[0]["status"] in rules.FINAL or run_id.startswith("snapshot-"):
        raise Problem(HTTPStatus.CONFLICT, f"{run_id} cannot be cancelled: it is {found[0]['status']}")
    if context.outlet is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be published here")
    partition, key, value, headers = rules.cancellation(run_id, time.time_ns() // 1000, why)
    await context.outlet.send([(RUNS, partition, key, value)], headers)
    location = f"/runs/{quote(run_id, safe='')}"
    body = msgspec.json.encode(Cancelling("accepted", run_id, location))
    return Response(body, HTTPStatus.ACCEPTED, {"Location": location}, "application/json")


def _why(body: bytes) -> str:
    if not body.strip():
        return "by request"
    try:
        return msgspec.json.decode(body, type=_Why).why or "by request"
    except FAULTS as fault:
        raise Invalid("body", rejected("expected nothing or an object with `why`", fault).message) from None


ENDPOINTS = (
    Endpoint("/runs", "Runs, the newest first", runs, (parameters.LIMIT, parameters.CURSOR), answers_runs.Run),
    Endpoint("/runs/{id}", "A run and its ledger", run, (RUN_ID,), answers_runs.RunCounts, listed=False),
    Endpoint(
        "/runs/{id}/cancel",
        "Cancel a run",
        cancel,
        (RUN_ID,),
        Cancelling,
        listed=False,
        method="POST",
        body='Nothing, or {"why": "…"}',
        description="A queued or running run ends as failed, with its reason; what it published is kept and counted.",
    ),
)
