"""POST /events: operational events in, one or a batch. Acknowledged once they are in the log; cleaned and counted behind it."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from services.api.parameters import Given
from services.api.problems import Invalid, Problem
from services.api.protocol import Context, Endpoint
from shared.bus.outlet import Item
from shared.errors import Rejected
from shared.frames import FAULTS, rejected
from shared.ops import cleaning, payloads
from shared.partitioning import partition
from shared.topics import OPS_RAW

NOTHING = "is an empty array; expected one object or an array of objects"
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Accepted(msgspec.Struct, frozen=True):
    """How many events are in the log now; those that cannot be used are found under /rejects."""

    accepted: int


async def events(context: Context, given: Given) -> Response:
    """202 once every event is acknowledged; sent again, an event is the same event as long as its event_id is."""
    items = read(given.body, context.bounds.max_events)
    if context.outlet is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be pushed here")
    await context.outlet.send(items)
    return Response(msgspec.json.encode(Accepted(len(items))), HTTPStatus.ACCEPTED, media_type="application/json")


def read(body: bytes, most: int) -> list[Item]:
    """A body's events as records, each with its own bytes; raises `Problem`."""
    if body.lstrip()[:1] == b"[":
        try:
            found = [bytes(element) for element in _elements(body)]
        except FAULTS as fault:
            raise Invalid("body", rejected("not JSON", fault).message) from None
    else:
        found = [body.strip()]
    if not found:
        raise Invalid("body", NOTHING)
    if len(found) > most:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has {len(found):,} events; API__MAX_EVENTS allows {most:,}")
    return [_item(event, n) for n, event in enumerate(found)]


def _item(event: bytes, n: int) -> Item:
    if event[:1] != b"{":
        raise Invalid("body", f"event {n} is no JSON object; expected one object or an array of objects")
    try:
        key = cleaning.service(payloads.parse(event)).encode()
    except Rejected as fault:
        raise Invalid("body", f"event {n}: {fault.message}") from None
    return OPS_RAW, partition(key, OPS_RAW.partitions), key, event


ENDPOINTS = (
    Endpoint(
        "/events",
        "Push operational events",
        events,
        (),
        Accepted,
        listed=False,
        method="POST",
        body="One event, or an array of them: event_id, timestamp, service, event_type, latency_ms, status_code, user_id, schema_version",
        description="Idempotent by event_id. 422 where the body is not JSON objects, 413 where it is too long; docs/operational-events.md.",
    ),
)
