"""Records of pipeline.dlq.v1 read as what they are, which of them can be replayed, and as what. Pure.

A row of a file is replayed as a row, an operational event as a row too; what a provider sent or answered as a recorded frame,
`receive time: bytes`, so that receive time and ids stay the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shared import refusals
from shared.errors import Rejected
from shared.partitioning import partition
from shared.records import RUN_HEADER, Record, Row, control_kind, header, received_at
from shared.refusals import Count, Value
from shared.runs import RowKind, raw_topic
from shared.time import SECOND, from_iso
from shared.topics import OPS_RAW, TRADING_RAW

ADDED = (
    "error_reason",
    "error_message",
    "error_counts",
    "error_values",
    "error_headers",
    "error_source",
    "received_at",
    "origin",
    "attempts",
)


class DeadLetter(NamedTuple):
    """A rejected record. `origin` is where it was rejected, `record` what the log keeps of it: its own bytes, key and headers."""

    record: Record
    reason: str
    message: str
    source: str
    origin: str
    received_at: int  # us
    row: Row | None
    counts: Sequence[Count] = ()  # by reason; the values of a record that were rejected have one letter
    values: Sequence[Value] = ()  # the first of them

    @property
    def place(self) -> str:
        """Partition and offset in pipeline.dlq.v1."""
        return f"{self.record.partition}:{self.record.offset}"

    @property
    def record_origin(self) -> str:
        """The origin without the index: several values of one record may have been rejected, the record is one."""
        return self.origin if self.origin.startswith("fetcher/") else self.origin.rpartition("/")[0]

    @property
    def rows(self) -> RowKind | None:
        """The kind of run that replays it; None where its bytes were not kept whole, and for control records."""
        if self.reason in ("too_large", "expired", "unstorable", "skipped") or header(self.record.headers, "rejected_ce_type") is not None:
            return None
        if self.origin.startswith(OPS_RAW.name):
            return "events"
        if self.origin.startswith(TRADING_RAW.name):
            return "orders"
        return "prices" if self.row is not None and self.row.run.startswith("prices-") else "frames"

    def matches(self, reason: str | None, run: str | None) -> bool:
        """Whether it was rejected for that reason and came with that run; None takes any."""
        reasons = {None, self.reason, *(count.reason for count in self.counts)}
        return reason in reasons and (run is None or (self.row is not None and self.row.run == run))


def read(record: Record) -> DeadLetter | None:
    """The dead letter of a record; None for copies of run markers."""
    if control_kind(record.headers) is not None:
        return None
    text = {name: (header(record.headers, name) or b"").decode("utf-8", "replace") for name in ADDED}
    return DeadLetter(
        record,
        text["error_reason"] or "malformed",
        text["error_message"],
        text["error_source"] or "unknown",
        text["origin"] or f"dlq/{record.partition}/{record.offset}/0",
        _received_at(text["received_at"], record),
        Row.parse(header(record.headers, RUN_HEADER) or b""),
        refusals.counts(text["error_reason"] or "malformed", header(record.headers, "error_counts")),
        refusals.values(header(record.headers, "error_values")),
    )


def replayed(letter: DeadLetter, run_id: str) -> tuple[int, bytes, bytes, list[tuple[str, bytes]]]:
    """Partition, key, value and headers of the raw record that it was, as a row of the run."""
    key, value = letter.record.key or b"", letter.record.value or b""
    row = letter.row
    if row is None:
        row = Row(run_id, letter.record.offset + 1, 0)
    if letter.rows == "frames" and not (letter.row and letter.row.run.startswith("frames-")):
        value = b"%d.%06d: " % divmod(letter.received_at, SECOND) + value
    return partition(key, raw_topic(run_id).partitions), key, value, [row._replace(run=run_id).header()]


def _received_at(given: str, record: Record) -> int:
    try:
        return from_iso(given) if given else received_at(record)
    except Rejected:
        return received_at(record)
