"""What a run is made of: an input that gives batches of rows, and readers that make them from a file's bytes."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from shared.errors import FileFault

# Partition, key, value and headers of a raw record; a plain tuple because there is one per row.
Item = tuple[int, bytes, bytes, list[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A row above the raw limit: its first bytes, length and hash are kept, the row is not."""

    partition: int
    key: bytes
    headers: list[tuple[str, bytes]]
    line: int
    length: int
    sha256: str
    head: bytes
    file: str = ""  # which of the run's files, where it has several


Output = Item | TooLarge | FileFault


class Reader(Protocol):
    """A kind of file: bytes in, rows out, in order; a `FileFault` is the last output. Pure."""

    @property
    def line(self) -> int:
        """The physical line where the next row starts."""

    def feed(self, chunk: bytes) -> Sequence[Output]:
        """The rows that the chunk completes."""

    def end(self) -> Sequence[Output]:
        """The rest, once the file has ended."""

    def note(self) -> str:
        """What the run's message should say; empty for nothing."""


class Input(Protocol):
    """Where a run's rows come from; read anew, it gives the same rows in the same order."""

    @property
    def bytes_total(self) -> int:
        """How much there is; 0 where it is not known."""

    @property
    def bytes_read(self) -> int:
        """How much of it is done."""

    def batches(self) -> AsyncIterator[Sequence[Output]]:
        """Batches of rows; raises `FileFault` and `Unavailable`."""

    def note(self) -> str:
        """What the run's message should say at the end; empty for nothing."""

    def close(self) -> None:
        """Releases what it holds; may be called twice."""


@runtime_checkable
class Resumable(Protocol):
    """An input that begins behind the checkpoint of its run's record, so no row is counted to be passed over."""

    progress_seconds: float  # between two records of its progress; 0: after every batch

    @property
    def partitions(self) -> set[int]:
        """Where its rows go, those of earlier attempts too."""

    def progress(self) -> dict[str, Any]:
        """The fields of the run's record that lead a successor on."""
