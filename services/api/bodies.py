"""Request bodies, read no further than they may be long."""

import asyncio
from http import HTTPStatus

from starlette.types import Receive, Scope

from services.api.problems import Problem

BODY_SECONDS = 20.0


def header(scope: Scope, name: bytes) -> bytes:
    """A header of the request; empty where there is none."""
    return next((value for key, value in scope["headers"] if key == name), b"")


async def read(scope: Scope, receive: Receive, most: int) -> bytes:
    """The whole body; raises a `Problem` where it is longer than `most` bytes, encoded, or cut short."""
    if (encoding := header(scope, b"content-encoding").strip().lower()) not in (b"", b"identity"):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body is {encoding.decode('latin-1')[:40]!r}-encoded; send it as it is")
    length = header(scope, b"content-length")
    if length.isdigit() and int(length) > most:
        raise _too_long(most)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _whole(receive, most)
    except TimeoutError:
        raise Problem(HTTPStatus.REQUEST_TIMEOUT, f"the body did not end within {BODY_SECONDS:g} s") from None


async def _whole(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(HTTPStatus.BAD_REQUEST, "the connection ended before the body did")
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_long(most)
        if not message.get("more_body", False):
            return bytes(body)


def _too_long(most: int) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most:,} bytes (API__MAX_BODY_BYTES); send less at a time")
