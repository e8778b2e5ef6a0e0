"""A response read within bounds: its size, also unpacked, the time it may take, and what it says of the next request."""

import asyncio
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from shared.topics import RAW_LIMIT

LONGEST_WAIT = 3600.0
ENCODINGS = "gzip, deflate"  # those that are unpacked here


class Response(NamedTuple):
    """Status, body and the seconds until the venue wants to be asked again, where it says so; `tag` is the body's ETag."""

    status: int
    body: bytes
    wait: float | None
    tag: str = ""


class TooLarge(Exception):
    """The body is larger than the largest raw record."""


# What `get` raises for a venue that does not answer, or not within the bounds.
FAULTS = (httpx.HTTPError, TimeoutError, TooLarge)


async def get(client: httpx.AsyncClient, url: str, headers: dict[str, str], seconds: float) -> Response:
    """The response, whole within `seconds`; raises what `FAULTS` lists."""
    asked = {"accept-encoding": ENCODINGS, **headers}
    async with asyncio.timeout(seconds), client.stream("GET", url, headers=asked) as response:
        body, given = await _body(response), response.headers
        wait = retry_after(given.get("Retry-After"), given.get("Date"))
        return Response(response.status_code, body, wait, given.get("ETag", ""))


async def _body(response: httpx.Response) -> bytes:
    """The body, unpacked no further than the limit: a few bytes can unpack to gigabytes."""
    if response.is_stream_consumed:  # a transport within this process gives it whole
        return response.content
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        unpack = None
    elif encoding in ("gzip", "x-gzip", "deflate"):
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either, by its first bytes
    else:
        raise httpx.DecodingError(f"the body is encoded as {encoding[:40]!r}, which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk if unpack is None else _unpacked(unpack, chunk, RAW_LIMIT + 1 - len(body))
        if len(body) > RAW_LIMIT:
            raise TooLarge(f"more than {RAW_LIMIT:,} bytes")
    if unpack is not None and not unpack.eof and body:
        raise httpx.DecodingError(f"the body ends inside its {encoding}")
    return bytes(body)


def _unpacked(unpack: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(chunk, most)
    except zlib.error as fault:
        raise httpx.DecodingError(f"the body cannot be unpacked: {fault}") from None


def retry_after(value: str | None, date: str | None) -> float | None:
    """Seconds, of a number of them or of a date as seen from the response's own; None where neither is given."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WAIT)
    try:
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return min(max(0.0, (parsedate_to_datetime(value) - now).total_seconds()), LONGEST_WAIT)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
