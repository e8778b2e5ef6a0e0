"""What the runner asks of a transform: values in, values out, and a checkpoint that says how far it is."""

from collections.abc import Sequence
from typing import Protocol

from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock
from services.transformer.outputs import Output
from services.transformer.windows import Windows
from shared.records import Record


class Transform(Protocol):
    """The pure state machine of one raw partition."""

    next_offset: int
    clocks: dict[str, Clock]
    windows: Windows

    def step(self, records: Sequence[Record]) -> list[Output]:
        """Takes records in offset order and returns what they give."""

    def tally(self) -> list[Output]:
        """Counts not published yet."""

    def lost(self, start: int, end: int) -> Output:
        """A record of offsets that the log dropped."""

    def checkpoint(self) -> Checkpoint:
        """The state, once everything returned is acknowledged."""
