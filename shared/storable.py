"""What the store can keep of texts and whole numbers that come from outside. Pure.

Invariant: what `storable` returns encodes as UTF-8, contains no NUL and has at most `most` characters; a number that passes
`whole` fits a bigint column. Postgres refuses a whole batch for one value that does not.
"""

import re
from typing import Annotated, Any, Final

import msgspec

from shared.errors import Rejected
from shared.time import LATEST

INT32: Final = range(-(2**31), 2**31)
INT64: Final = range(-(2**63), 2**63)
# Ranges that a decoder checks, for the fields of events.
Int64 = Annotated[int, msgspec.Meta(ge=INT64.start, le=INT64[-1])]
Int32 = Annotated[int, msgspec.Meta(ge=INT32.start, le=INT32[-1])]
Micros = Annotated[int, msgspec.Meta(ge=0, lt=LATEST)]  # a time in us since 1970

MESSAGE: Final = 500  # characters of a reason or an error message
NAME: Final = 128  # of an id or a name
LINE: Final = 32_768  # of a header line that names the columns of a row
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 64


def storable(text: str, most: int = MESSAGE) -> str:
    """The text, cut to `most` characters, with U+FFFD for each NUL and lone surrogate."""
    return _UNSTORABLE.sub("\ufffd", text[:most])


def storable_tree(value: Any, most: int = 100_000, depth: int = _DEEPEST) -> Any:
    """Plain JSON with every text and key in it `storable`; what is nested more deeply than `depth` becomes null."""
    if isinstance(value, str):
        return storable(value, most)
    if isinstance(value, dict):
        return {storable(str(key), most): storable_tree(part, most, depth - 1) for key, part in value.items()} if depth else None
    if isinstance(value, list | tuple):
        return [storable_tree(part, most, depth - 1) for part in value] if depth else None
    return value


def whole(value: int, field: str) -> int:
    """The value; raises `Rejected("malformed")` naming `field` if it does not fit 64 bits."""
    if value in INT64:
        return value
    raise Rejected("malformed", f"{field} {str(value)[:80]} does not fit 64 bits")


def whole_or_none(value: int | None) -> int | None:
    """The value, or None if it does not fit 64 bits."""
    return value if value is not None and value in INT64 else None


def keep_storable(event: msgspec.Struct, field: str, most: int = MESSAGE) -> None:
    """Replaces a text field of a frozen struct by its `storable` form; call it from `__post_init__` of low-rate events."""
    text: str = getattr(event, field)
    kept = storable(text, most)
    if kept != text:
        msgspec.structs.force_setattr(event, field, kept)
