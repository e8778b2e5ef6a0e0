"""POST /ticks: users' own ticks, one or a batch, idempotent; each is a raw record of its own and takes the way of a venue's frames."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from services.api.parameters import Given
from services.api.problems import Invalid, Problem
from services.api.protocol import Context, Endpoint
from services.api.routes.events import NOTHING, Accepted
from shared.bus.outlet import Item
from shared.errors import Rejected
from shared.frames import FAULTS, rejected
from shared.partitioning import partition
from shared.providers import push
from shared.topics import MARKET_RAW

_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


async def ticks(context: Context, given: Given) -> Response:
    """202 once every tick is acknowledged; 422 for the first that cannot be used, and then none is taken."""
    items = read(given.body, context.bounds.max_events)
    if context.outlet is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be pushed here")
    await context.outlet.send(items)
    return Response(msgspec.json.encode(Accepted(len(items))), HTTPStatus.ACCEPTED, media_type="application/json")


def read(body: bytes, most: int) -> list[Item]:
    """A body's ticks as records, each with its own bytes; raises `Problem`."""
    bare = body.strip()
    try:
        found = _elements(bare if bare[:1] == b"[" else b"[" + bare + b"]")
    except FAULTS as fault:
        raise Invalid("body", rejected("expected a JSON object or an array of objects", fault).message) from None
    if not found:
        raise Invalid("body", NOTHING)
    if len(found) > most:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has {len(found):,} ticks; API__MAX_EVENTS allows {most:,}")
    return [_item(bytes(tick), n) for n, tick in enumerate(found)]


def _item(tick: bytes, n: int) -> Item:
    try:
        source, found = push.read(tick)
    except Rejected as fault:
        raise Invalid("body", f"tick {n}: {fault.message}") from None
    key = f"{source}|{found.symbol}".encode()
    return MARKET_RAW, partition(key, MARKET_RAW.partitions), key, tick


ENDPOINTS = (
    Endpoint(
        "/ticks",
        "Push ticks",
        ticks,
        (),
        Accepted,
        listed=False,
        method="POST",
        body=f"One object, or an array of them: a trade, a quote, a price or a bar of a minute, of {', '.join(push.FIELDS)}",
        description="Idempotent by id, or by its values where it has none.",
    ),
)
