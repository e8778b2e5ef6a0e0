"""Cursors: opaque base64url of a position in one query's order, with a checksum over both.

Invariant: a cursor that was cut, changed or made for other filters is refused, so a page never silently starts elsewhere.
"""

import base64
import binascii
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from shared.frames import FAULTS

_SUM_BYTES = 6
_MAX_CHARACTERS = 1024
Position = TypeVar("Position")


def encode(scope: str, position: Sequence[int | str]) -> str:
    """The cursor after `position`; `scope` spells the query it belongs to."""
    body = msgspec.msgpack.encode(tuple(position))
    return _spelled(_checksum(scope, body) + body)


def decode(scope: str, text: str, kind: type[Position]) -> Position:
    """The position of a cursor that `encode` made for `scope`; raises `ValueError`."""
    if len(text) > _MAX_CHARACTERS:
        raise ValueError("is too long for a cursor")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not a cursor that an answer gave") from None
    given, body = raw[:_SUM_BYTES], raw[_SUM_BYTES:]
    if given != _checksum(scope, body) or _spelled(raw) != text:
        raise ValueError("is not a cursor that an answer to this query gave; keep the other parameters as they were")
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except FAULTS:
        raise ValueError("is a cursor of another version; start again without it") from None


def next_url(path: str, pairs: Sequence[tuple[str, str]], cursor: str) -> str:
    """The same request with this cursor: a reference relative to the server that was asked."""
    kept = [(name, value) for name, value in pairs if name != "cursor"]
    return f"{path}?{urlencode([*kept, ('cursor', cursor)])}"


def reference(path: str, **pairs: str) -> str:
    """A path with a query: a reference relative to the server that was asked."""
    return f"{path}?{urlencode(pairs)}"


def _checksum(scope: str, body: bytes) -> bytes:
    return blake2b(body, digest_size=_SUM_BYTES, key=blake2b(scope.encode(), digest_size=32).digest()).digest()


def _spelled(raw: bytes) -> str:
    """Base64url without padding: each cursor has one spelling."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
