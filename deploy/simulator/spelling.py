"""How venues spell times.

Invariant: pure; no digit of the microsecond is lost.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def iso(us: int) -> bytes:
    """`2023-09-25T07:49:37.708706Z`."""
    at = _EPOCH + timedelta(microseconds=us)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
