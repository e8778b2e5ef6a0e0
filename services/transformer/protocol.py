"""What the runner asks of a transform: values in, values out, and a checkpoint that says how far it is; and what a raw topic's flow is."""

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any, Protocol

from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.faults import Fault
from services.transformer.outputs import Output
from services.transformer.tallies import Tallies
from services.transformer.windows import Window, Windows
from shared.aggregations import Aggregation
from shared.events import Origin
from shared.records import Record
from shared.topics import Topic


class Transform(Protocol):
    """The pure state machine of one partition."""

    @property
    def next_offset(self) -> int:
        """The first offset not done."""

    @property
    def clocks(self) -> Mapping[str, Clock]:
        """Watermarks to show, by source."""

    @property
    def windows(self) -> Sized:
        """The open windows."""

    def step(self, records: Sequence[Record]) -> list[Output]:
        """Takes records in offset order and returns what they give."""

    def skip(self, record: Record, why: str) -> list[Output]:
        """Sets the next record aside, unread, as an operator decided; nothing where it is done already."""

    def tally(self) -> list[Output]:
        """Counts not published yet."""

    def faults(self) -> Sequence[Fault]:
        """The exceptions since the last call, for the log."""

    def lost(self, start: int, end: int) -> list[Output]:
        """Offsets that the log dropped, written down."""

    def checkpoint(self) -> Checkpoint:
        """The state, once everything returned is acknowledged."""


class Make(Protocol):
    """Makes the transform of one partition."""

    def __call__(self, partition: int, at: Checkpoint, rules: Rules, *, publish: bool) -> Transform:
        """With `publish` false only aggregates and rejections leave, no live events."""


class Raw(Protocol):
    """A data record, read: whom it is counted under."""

    @property
    def source(self) -> str: ...
    @property
    def received_at(self) -> int: ...  # us
    @property
    def run(self) -> str | None: ...


class Flow(Protocol):
    """What the records of a raw topic mean, and where what they give goes."""

    @property
    def topic(self) -> Topic: ...
    @property
    def aggregation(self) -> Aggregation | None: ...  # none: the store alone aggregates

    def read(self, record: Record) -> Any:
        """The `Raw` of a data record; never raises."""

    def events(self, raw: Any, origin: Origin, max_skew: int) -> Iterator[Any]:
        """Its events, each with its envelope; yields `Rejected` for one of several, raises it for the rest."""

    def event(self, event: Any) -> Output:
        """An event to publish."""

    def partial(self, partial: Any) -> Output:
        """A window's state to publish."""

    def entered(self, record: Record, event: Any, clock: Clock, window: Window) -> None:
        """A live event has entered a window."""

    def advance(self, records: Sequence[Record], at: int, stop: int, windows: Windows, tallies: Tallies, out: list[Output]) -> int:
        """Takes records from index `at` in a faster way than the machine's, if there is one.

        All are below the offset `stop`; returns the index of the first not taken.
        """

    def forget(self) -> None:
        """Windows have gone that `entered` told of."""
