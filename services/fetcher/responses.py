"""A response read within bounds: its size, the time it may take, and what it says of the next request."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from shared.topics import RAW_LIMIT

LONGEST_WAIT = 3600.0


class Response(NamedTuple):
    """Status, body and the seconds until the venue wants to be asked again, where it says so."""

    status: int
    body: bytes
    wait: float | None


class TooLarge(Exception):
    """The body is larger than the largest raw record."""


async def get(client: httpx.AsyncClient, url: str, headers: dict[str, str], seconds: float) -> Response:
    """The response, whole within `seconds`; raises `httpx.HTTPError`, `TimeoutError` and `TooLarge`."""
    async with asyncio.timeout(seconds), client.stream("GET", url, headers=headers) as response:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > RAW_LIMIT:
                raise TooLarge(f"more than {RAW_LIMIT:,} bytes")
        return Response(response.status_code, bytes(body), retry_after(response.headers.get("Retry-After"), response.headers.get("Date")))


def retry_after(value: str | None, date: str | None) -> float | None:
    """Seconds, of a number of them or of a date as seen from the response's own; None where neither is given."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WAIT)
    try:
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return min(max(0.0, (parsedate_to_datetime(value) - now).total_seconds()), LONGEST_WAIT)
    except (ValueError, TypeError):
        return None
