"""What is read of a partition and not stored yet: the objects in the making, and the rules that end one.

Invariant: objects of a partition follow each other without a hole: each starts where the one before ended. No clock is read here.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.archive.layout import Span, hour_of
from shared.archive.parquet import Writer
from shared.records import Record
from shared.topics import Topic

_HOUR_MS = 3_600_000
_STAGED = 4096
_RECORD_BYTES = 500  # of a record's own objects in memory, beside its value
_DRAFT_BYTES = 64 * 1024  # of a draft's own, however little it has: columns of a few rows, pages, the file's description


class Limits(NamedTuple):
    """When an object is complete."""

    bytes: int
    records: int
    seconds: float


@dataclass(slots=True)
class Draft:
    """An object in the making: its hour is that of its first record, unless it was settled before."""

    writer: Writer
    hour: str
    since: float  # when its first record came, by the caller's clock
    hour_ends: int  # ms
    staged: list[Record] = field(default_factory=list)
    staged_bytes: int = 0

    @property
    def held(self) -> int:
        """Bytes of memory."""
        return self.writer.held + self.staged_bytes + _DRAFT_BYTES

    @property
    def records(self) -> int:
        """How many records it has."""
        return self.writer.records + len(self.staged)

    def take(self, records: Sequence[Record]) -> None:
        """The next records."""
        self.staged.extend(records)
        self.staged_bytes += sum(len(record.value or b"") for record in records) + _RECORD_BYTES * len(records)
        if len(self.staged) >= _STAGED or self.staged_bytes >= 1024 * 1024:
            self.settle()

    def settle(self) -> None:
        """Staged records become columns."""
        staged, self.staged, self.staged_bytes = self.staged, [], 0
        if staged:
            self.writer.add(staged)

    def finish(self) -> tuple[bytes, Span]:
        """The whole object."""
        self.settle()
        return self.writer.finish()


class Pending:
    """One partition: the draft that takes records, and drafts that are complete and wait to be stored, in order."""

    def __init__(self, topic: Topic, start: int, hour: str) -> None:
        self.topic, self.start = topic, start  # of the next object that is stored
        self.settled = hour  # its hour, where that has been written down
        self._next = start  # of the next draft
        self.draft: Draft | None = None
        self.complete: deque[Draft] = deque()

    @property
    def held(self) -> int:
        """Bytes of memory."""
        return sum(draft.held for draft in self.complete) + (self.draft.held if self.draft else 0)

    def add(self, records: Sequence[Record], now: float, limits: Limits) -> None:
        """Takes the next records; a later hour, the size or the number of records completes the draft."""
        at = 0
        while at < len(records):
            draft = self.draft or self._new(records[at], now)
            upto = min(len(records), at + limits.records - draft.records, at + _STAGED)
            if (cut := next((n for n in range(at, upto) if records[n].timestamp >= draft.hour_ends), upto)) > at:
                draft.take(records[at:cut])
            if cut < upto or draft.records >= limits.records or draft.writer.size + draft.staged_bytes // 8 >= limits.bytes:
                self.close()
            at = cut

    def close(self) -> None:
        """Nothing more goes into the draft."""
        if self.draft is not None:
            self.draft.settle()
            self.draft.writer.pack()
            self._next = self.draft.writer.end
            self.complete.append(self.draft)
            self.draft = None

    def due(self, now: float, limits: Limits) -> bool:
        """Whether the draft is of the age to be closed."""
        return self.draft is not None and now - self.draft.since >= limits.seconds

    def _new(self, first: Record, now: float) -> Draft:
        hour = self.settled if not self.complete and self.settled else hour_of(first.timestamp)
        ends = (max(first.timestamp, 0) // _HOUR_MS + 1) * _HOUR_MS
        self.draft = Draft(Writer(self.topic, self._next), hour, now, ends)
        return self.draft
