"""What the runner asks of a sink: positions to start from, and batches written once however often they come."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from services.writer.batch import Place
from shared.records import Record
from shared.topics import Topic


class Fenced(Exception):
    """Another replica has moved a position: re-read it, and seek there if the partition is still assigned."""


class Refused(Exception):
    """The store does not take the batch, and never will: it is halved until the record is found."""


class TooMuch(Refused):
    """The store has no room for the batch at once: smaller ones are tried."""


# Stores a batch and its positions in one step; raises `Fenced`, `Refused` or `Unavailable`, having stored nothing.
Write = Callable[[], Awaitable[None]]


class Sink(Protocol):
    """A durable store with its own positions."""

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What it consumes."""

    async def connect(self) -> None:
        """Opens what it needs; raises `Unavailable`."""

    async def read(self, places: Mapping[Place, str]) -> None:
        """Reads the stored positions of partitions of topics with these ids; raises `Unavailable`.

        Before the log's ends are read: a position that moves in between is not beyond its end.
        """

    async def positions(self, logs: Mapping[Place, tuple[int, int]]) -> dict[Place, int]:
        """Where to go on in logs of [first, end); what a log lost is written down as a gap. Raises `Unavailable`."""

    async def prepare(self, polled: Mapping[Place, Sequence[Record]]) -> Write:
        """Does what can be done while the batch before is written; batches are prepared in the order in which they are written.

        Raises `Refused`.
        """

    async def reject(self, place: Place, record: Record, message: str, reason: str = ...) -> None:
        """Stores a dead letter in the place of a record, and moves on; raises `Fenced` or `Unavailable`.

        The record is refused by itself, unless another reason is given.
        """

    def forget(self, places: Collection[Place]) -> None:
        """Drops what is remembered of partitions that are gone or to be read anew."""

    async def close(self) -> None:
        """Releases everything."""
