"""An exception that became a dead letter, as the log reports it. Pure.

Invariant: a traceback is bounded, whatever text the exception carries.
"""

import traceback
from typing import NamedTuple

_MOST = 8000  # characters


class Fault(NamedTuple):
    """The offset of the record, and where the exception was raised."""

    offset: int
    trace: str


def trace(fault: Exception) -> str:
    """Its traceback: the frames nearest to where it was raised."""
    frames = "".join(traceback.format_tb(fault.__traceback__))
    return f"{frames[-_MOST:]}{type(fault).__name__}: {str(fault)[:500]}"
