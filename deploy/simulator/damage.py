"""Broken copies of good payloads.

Invariant: pure; the result is never a payload that the original's parser takes for the original.
"""

from __future__ import annotations

from typing import Any

import msgspec

WAYS = ("truncated", "type", "text")
_TEXT = b"<html><head><title>502 Bad Gateway</title></head><body>upstream</body></html>"
_VALUES = ("p", "b", "price", "bid", "best_bid", "usd", "rates", "size")


def damage(payload: bytes, how: str, amount: float) -> bytes:
    """The payload cut short, with a value of the wrong type, replaced by a web page, or empty; by `amount` where `how` is open."""
    how = how or WAYS[int(amount * len(WAYS))]
    if how == "empty":
        return b""
    if how == "truncated":
        return payload[: max(1, int(len(payload) * (0.2 + 0.6 * amount)))]
    return _mistype(payload) if how == "type" else _TEXT


def _mistype(payload: bytes) -> bytes:
    """A JSON document like the payload whose first price is an object; a list where the payload has none."""
    document: Any = msgspec.json.decode(payload)
    return msgspec.json.encode(document if _spoil(document) else [document])


def _spoil(node: Any) -> bool:
    if isinstance(node, list):
        return any(_spoil(item) for item in node)
    if not isinstance(node, dict):
        return False
    for name in _VALUES:
        if name in node:
            node[name] = {"value": None}
            return True
    return any(_spoil(item) for item in node.values())
