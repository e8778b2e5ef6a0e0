"""POST /orders, /trades and /quotes: live facts, one or a batch, idempotent by id; they take the way of a file's rows."""

import csv
import io
from functools import partial
from http import HTTPStatus
from typing import Any

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
from shared.topics import TRADING_RAW
from shared.trading import columns, rows
from shared.trading.columns import COLUMNS, OPTIONAL, File

_NUMBERS = {b"-", *(b"%d" % digit for digit in range(10))}
_text = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


async def push(context: Context, given: Given, file: File) -> Response:
    """202 once every fact is acknowledged; 422 for the first that cannot be used, and then none is taken."""
    items = read(file, given.body, context.bounds.max_events)
    if context.outlet is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "nothing can be pushed here")
    await context.outlet.send(items)
    return Response(msgspec.json.encode(Accepted(len(items))), HTTPStatus.ACCEPTED, media_type="application/json")


def read(file: File, body: bytes, most: int) -> list[Item]:
    """A body's facts as records; raises `Problem`."""
    bare = body.strip()
    try:
        found = _text(bare if bare[:1] == b"[" else b"[" + bare + b"]")
    except FAULTS as fault:
        raise Invalid("body", rejected("expected a JSON object or an array of objects", fault).message) from None
    if not found:
        raise Invalid("body", NOTHING)
    if len(found) > most:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has {len(found):,} facts; API__MAX_EVENTS allows {most:,}")
    return [_item(file, fact, n) for n, fact in enumerate(found)]


def _item(file: File, fact: dict[str, msgspec.Raw], n: int) -> Item:
    """A fact as the row it would be in a file, with every digit as it was sent."""
    names = (*COLUMNS[file], *OPTIONAL)
    if unknown := sorted(fact.keys() - set(names)):
        raise Invalid("body", f"{file} {n}: {unknown[0][:80]!r} is none of {', '.join(names)}")
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([_value(f"{file} {n}: {name}", fact.get(name)) for name in names])
    payload = f"{columns.canonical(file, names, 'UTC')}\n{line.getvalue()}".encode()
    try:
        _, event = rows.parse(payload)
    except Rejected as fault:
        raise Invalid("body", f"{file} {n}: {fault.message}") from None
    key = event.symbol.encode()
    return TRADING_RAW, partition(key, TRADING_RAW.partitions), key, payload


def _value(what: str, given: msgspec.Raw | None) -> str:
    """Text without its quotes, a number with its digits, nothing for null; raises `Invalid` for anything else."""
    if given is None or bytes(given) == b"null":
        return ""
    if bytes(given)[:1] == b'"':
        try:
            found: str = msgspec.json.decode(given, type=str)
        except FAULTS as fault:
            raise Invalid("body", rejected(what, fault).message) from None
        return found
    if bytes(given)[:1] not in _NUMBERS:
        raise Invalid("body", f"{what}: {bytes(given)[:80].decode(errors='replace')!r} is neither text nor a number")
    return bytes(given).decode()


def _endpoint(path: str, summary: str, file: File) -> Endpoint:
    body = f"One object, or an array of them: {', '.join(COLUMNS[file])}" + ("" if file == "nbbo" else f"; perhaps {', '.join(OPTIONAL)}")
    answer: Any = partial(push, file=file)
    return Endpoint(path, summary, answer, (), Accepted, listed=False, method="POST", body=body, description="Idempotent by id.")


ENDPOINTS = (
    _endpoint("/orders", "Push orders", "orders"),
    _endpoint("/trades", "Push executions", "trades"),
    _endpoint("/quotes", "Push quotes", "nbbo"),
)
