"""GET /archive: the objects of the archive; GET /archive/download: an address from which one can be fetched without keys.

Invariant: only objects that the archive made are shown or given away, whatever else lies in the bucket.
"""

from typing import NamedTuple

import msgspec
from starlette.responses import RedirectResponse, Response

from services.api import answers, pages, parameters
from services.api.answers import Time, iso
from services.api.parameters import Given, Parameter
from services.api.problems import Invalid, missing
from services.api.protocol import Context, Endpoint
from shared.archive import layout
from shared.archive.store import Missing, Store
from shared.errors import Unavailable

SECONDS = 900
MOST = 1000
EXAMPLE = "abc/bronze/market.raw.v1/"
PREFIX = Parameter("prefix", "Objects whose keys begin so: cluster/tier/topic/dt=…/hour=…", {"type": "string", "maxLength": 512}, EXAMPLE)
KEY = Parameter("key", "The object's key, as /archive lists it", {"type": "string"}, required=True)


class Listed(msgspec.Struct, frozen=True):
    """An object: the offsets from `first` on of one partition. `url` leads to its bytes."""

    key: str
    cluster: str
    tier: str
    topic: str
    partition: int
    first: int
    hour: str
    size: int
    stored_at: Time
    url: str


class Position(NamedTuple):
    """The last key."""

    key: str


async def archive(context: Context, given: Given) -> bytes:
    """Objects in the order of their keys."""
    prefix = _text(given, "prefix") or ""
    limit = min(given.limit(context.bounds.page_limit), MOST)
    scope = f"archive {prefix}"
    after = given.cursor(scope, Position) or Position("")
    rows: list[Listed] = []
    async for page in _store(context).pages(prefix, after.key, limit + 1):
        rows += [_row(found.key, found.size, found.modified, named) for found in page if (named := layout.named(found.key))]
        if len(rows) > limit:
            break
    following = pages.next_url(given.path, given.pairs, pages.encode(scope, Position(rows[limit - 1].key))) if len(rows) > limit else None
    return answers.page(rows[:limit], following)


async def download(context: Context, given: Given) -> Response:
    """A redirect to a presigned address of the object."""
    key = _text(given, "key")
    if key is None:
        raise Invalid("key", "is required")
    if layout.named(key) is None:
        raise missing("there is no such object in the archive")
    store = _store(context)
    try:
        await store.head(key)
    except Missing:
        raise missing("there is no such object in the archive") from None
    return RedirectResponse(await store.presigned(key, SECONDS), 307, {"Cache-Control": "no-store"})


def _row(key: str, size: int, modified: int, named: layout.Named) -> Listed:
    place = named.place
    url = pages.reference("/archive/download", key=key)
    return Listed(key, place.cluster, place.tier, place.topic, place.partition, named.first, named.hour, size, iso(modified), url)


def _store(context: Context) -> Store:
    if context.archive is None:
        raise Unavailable("no archive is set: S3__BUCKET names its bucket")
    return context.archive


def _text(given: Given, name: str) -> str | None:
    """Keys are longer than names."""
    value = next((value for known, value in given.pairs if known == name), None)
    if value is not None and (len(value) > 1024 or not value.isprintable()):
        raise Invalid(name, "is not up to 1024 printable characters")
    return value


ENDPOINTS = (
    Endpoint("/archive", "Objects of the archive", archive, (PREFIX, parameters.LIMIT, parameters.CURSOR), Listed),
    Endpoint(
        "/archive/download", "An object's bytes, by redirect", download, (KEY,), None, listed=False, description="Valid for 15 minutes."
    ),
)
