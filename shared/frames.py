"""Frames of JSON decoded: whatever the bytes, what goes wrong is one `Rejected`, never an exception of the decoder's own."""

import msgspec

from shared.errors import Rejected

# Besides its own errors msgspec lets through those of text that is not UTF-8 and of nesting without end.
FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def rejected(what: str, fault: Exception) -> Rejected:
    """The rejection for one of `FAULTS`."""
    if isinstance(fault, UnicodeDecodeError):
        return Rejected("bad_encoding", f"{what}: the text {fault.object[:80]!r} is not UTF-8")
    if isinstance(fault, RecursionError):
        return Rejected("malformed", f"{what}: nested too deeply")
    return Rejected("malformed", f"{what}: {fault}")
