"""POST /ingest: files of orders, executions and quotes; waits a while for the run's end and tells where its files are."""

import asyncio
import secrets
import time
from hashlib import blake2b
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.responses import Response

from services.api import queries
from services.api.parameters import Given
from services.api.problems import Invalid, Problem
from services.api.protocol import Context, Endpoint
from shared import runs
from shared.events import Run
from shared.frames import FAULTS, rejected
from shared.runs import OrdersRequest
from shared.telemetry import traces
from shared.topics import RUNS

POLL_SECONDS = 0.1


class Ingest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request: paths that the fetcher may read, or addresses that it may ask, http(s) or s3://bucket/key."""

    orders_url: str
    trades_url: str
    nbbo_url: str
    timezone: str = "UTC"


class Files(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the files of the run are, as the writer names them; where it has a bucket, also there."""

    fills: str
    summary: str
    fills_uri: str | None = None
    summary_uri: str | None = None


class Rows(msgspec.Struct, frozen=True):
    """How many rows the files have."""

    fills: int
    summary: int


class Ingested(msgspec.Struct, frozen=True):
    """The run is done, and its files are written."""

    status: str
    output_files: Files
    rows: Rows
    run_id: str


class Accepted(msgspec.Struct, frozen=True):
    """The run goes on; look for it at `location`."""

    status: str
    run_id: str
    location: str


async def ingest(context: Context, given: Given) -> Response:
    """200 with the files, 202 if the run takes longer, 422 with its message if it failed."""
    request = _read(given.body)
    run_id = _run_id(given.idempotency_key)
    known = await context.store.fetch(queries.RUN_STATE, run_id)
    builtins = msgspec.to_builtins(request)
    if not known:
        now = time.time_ns() // 1000
        run = Run(run_id, "orders", "requested", "orders", now, now, request=builtins)
        if context.outlet is None:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be pushed here")
        partition, key, value, headers = runs.record(run)
        await context.outlet.send([(RUNS, partition, key, value)], [*headers, *traces.headers()])
    elif not builtins.items() <= msgspec.json.decode(known[0]["request"]).items():
        raise Problem(HTTPStatus.CONFLICT, "this Idempotency-Key was given with another request")
    return await _wait(context, run_id)


async def _wait(context: Context, run_id: str) -> Response:
    location = f"/runs/{run_id}"
    deadline = time.monotonic() + context.bounds.ingest_wait_seconds
    while True:
        if written := await context.store.fetch(queries.OUTPUT, run_id):
            *places, fills, summary = written[0]
            done = Ingested("ok", Files(*places), Rows(fills, summary), run_id)
            return _answer(HTTPStatus.OK, done, location)
        state = await context.store.fetch(queries.RUN_STATE, run_id)
        if state and state[0]["status"] == "failed":
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{run_id} failed: {state[0]['message']}")
        if time.monotonic() >= deadline:
            return _answer(HTTPStatus.ACCEPTED, Accepted("accepted", run_id, location), location)
        await asyncio.sleep(POLL_SECONDS)


def _answer(status: HTTPStatus, value: Any, location: str) -> Response:
    return Response(msgspec.json.encode(value), status, {"Location": location}, "application/json")


def _read(body: bytes) -> OrdersRequest:
    try:
        found = msgspec.json.decode(body, type=Ingest)
    except FAULTS as fault:
        raise Invalid("body", rejected("expected orders_url, trades_url, nbbo_url and perhaps timezone", fault).message) from None
    try:
        ZoneInfo(found.timezone)
    except (ValueError, KeyError, OSError):
        raise Invalid("timezone", f"{found.timezone[:80]!r} is no IANA time zone, like UTC or America/New_York") from None
    for name in ("orders_url", "trades_url", "nbbo_url"):
        value = getattr(found, name)
        if not value or len(value) > 2048 or not value.isprintable():
            raise Invalid(name, "is not 1 to 2048 printable characters")
    return OrdersRequest(found.orders_url, found.trades_url, found.nbbo_url, found.timezone)


def _run_id(key: bytes) -> str:
    """One key, one run; without a key a run of its own."""
    if not key:
        return runs.new_id("orders", time.time_ns() // 1000, secrets.token_hex(3))
    return f"orders-key-{blake2b(key, digest_size=10).hexdigest()}"


ENDPOINTS = (
    Endpoint(
        "/ingest",
        "Ingest files of orders, executions and quotes",
        ingest,
        (),
        Ingested,
        listed=False,
        method="POST",
        body='{"orders_url": "data/orders_sample.csv", "trades_url": …, "nbbo_url": …, "timezone": "UTC"}',
        description="With an Idempotency-Key header the same request is the same run. 202 with the run's location where it takes longer.",
    ),
)
