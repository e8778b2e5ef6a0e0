"""Rows in Postgres' binary COPY format, built as bytes: what a column costs is one concatenation.

Format: https://www.postgresql.org/docs/current/sql-copy.html (Binary Format); each field is its length and its bytes, -1 for null.
"""

from functools import lru_cache
from struct import Struct

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
_int4 = Struct(">ii").pack
_head = Struct(">iHhHH").pack
_EPOCH_DAYS = 10_957  # Postgres counts from 2000-01-01
_POSITIVE, _NEGATIVE = 0x0000, 0x4000


@lru_cache(maxsize=65536)
def text(value: str | None) -> bytes:
    """A text, or null."""
    if value is None:
        return NULL
    encoded = value.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def date(day: int) -> bytes:
    """Days since 1970."""
    return _int4(4, day - _EPOCH_DAYS)


@lru_cache(maxsize=65536)
def numeric(value: str) -> bytes:
    """The finite decimal that `value` spells, trailing zeros kept: groups of four digits around the point, the first of weight 10000**w."""
    sign = _NEGATIVE if value[0] == "-" else _POSITIVE
    digits, _, exponent = value.lstrip("-+").upper().partition("E")
    whole, _, fraction = digits.partition(".")
    shift = int(exponent or 0)
    if shift > 0:
        fraction = fraction.ljust(shift, "0")
        whole, fraction = whole + fraction[:shift], fraction[shift:]
    elif shift < 0:
        whole = whole.rjust(-shift, "0")
        whole, fraction = whole[:shift], whole[shift:] + fraction
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    padded = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int(whole[i : i + 4]) for i in range(0, len(whole), 4)] + [int(padded[i : i + 4]) for i in range(0, len(padded), 4)]
    weight = len(whole) // 4 - 1
    while groups and not groups[0]:
        del groups[0]
        weight -= 1
    while groups and not groups[-1]:
        del groups[-1]
    body = b"".join([group.to_bytes(2, "big") for group in groups])
    return _head(8 + len(body), len(groups), weight if groups else 0, sign, len(fraction)) + body
