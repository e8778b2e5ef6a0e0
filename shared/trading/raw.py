"""A record of trading.raw.v1 as what it is: a row of one of three files, or one that was posted, and the event that it gives. Pure."""

from typing import NamedTuple

from shared.csv_row import located
from shared.errors import Rejected
from shared.events import Execution, Nbbo, Order, Origin
from shared.records import Record, Row, file_row
from shared.time import SECOND, to_iso
from shared.trading import rows
from shared.trading.columns import FILES

UNKNOWN = "trading"


class Raw(NamedTuple):
    """Payload and receive time of a raw record; `source` is the file that it is counted under, `row` where it came with a run."""

    source: str
    payload: bytes
    received_at: int  # us
    row: Row | None = None
    fault: Rejected | None = None

    @property
    def run(self) -> str | None:
        """The run that brought the record; None for a live one."""
        return self.row.run if self.row else None

    def event(self, origin: Origin, max_skew: int) -> Order | Execution | Nbbo:
        """The event with its envelope; raises `Rejected`. A file may tell of any time, a live event of none ahead of its receipt."""
        if self.fault is not None:
            raise self.fault
        try:
            _, found = rows.parse(self.payload, (self.received_at, origin, self.run))
        except Rejected as fault:
            if self.row is None:
                raise
            raise located(fault, self.row.line, self.payload.partition(b"\n")[2]) from None
        if self.row is None and found.event_time > self.received_at + max_skew:
            raise Rejected(
                "future_event_time",
                f"{to_iso(found.event_time)} is more than {max_skew / SECOND:g} s ahead of its receive time {to_iso(self.received_at)}",
            )
        return found


def read(record: Record) -> Raw:
    """What a data record holds. Never raises: a fault is raised by `event`."""
    value, received_at = record.value or b"", record.timestamp * 1000
    source = _source(value.partition(b"\n")[0])
    if not record.headers:
        return Raw(source, value, received_at)
    try:
        return Raw(source, value, received_at, file_row(record.headers))
    except Rejected as fault:
        return Raw(source, value, received_at, None, fault)


def _source(line: bytes) -> str:
    """The file that a canonical header names."""
    return _SOURCES.get(line.rpartition(b",zone=")[0].rpartition(b",")[2], UNKNOWN)


_SOURCES = {f"file={file}".encode(): file for file in FILES}
