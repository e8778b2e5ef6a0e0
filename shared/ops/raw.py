"""A record of ops.raw.v1 as what it is: an event pushed or told by a service, or a row of a file."""

from typing import NamedTuple

import msgspec

from shared.csv_row import located
from shared.errors import Rejected
from shared.events import Origin, ServiceEvent
from shared.ops import cleaning, payloads
from shared.ops.payloads import Fields
from shared.records import Record, Row, file_row
from shared.time import SECOND, to_iso


class Raw(NamedTuple):
    """Fields and receive time of a raw record; `source` is the service that it is counted under, `row` where it came from a file."""

    source: str
    fields: Fields
    received_at: int  # us
    row: Row | None = None
    fault: Rejected | None = None
    payload: bytes = b""

    @property
    def run(self) -> str | None:
        """The run that brought the record; None for a live one."""
        return self.row.run if self.row else None

    def event(self, origin: Origin, max_skew: int) -> ServiceEvent:
        """The event with its envelope; raises `Rejected`. A file may tell of any time, a live event of none ahead of its receipt."""
        try:
            if self.fault is not None:
                raise self.fault
            found = cleaning.clean(self.fields)
        except Rejected as fault:
            if self.row is None:
                raise
            raise located(fault, self.row.line, payloads.row(self.payload)) from None
        if self.row is None and found.event_time > self.received_at + max_skew:
            raise Rejected(
                "future_event_time",
                f"{found.timestamp[:80]} is more than {max_skew / SECOND:g} s ahead of its receive time {to_iso(self.received_at)}",
            )
        return msgspec.structs.replace(found, received_at=self.received_at, origin=origin, run=self.run)


def read(record: Record) -> Raw:
    """What a data record holds. Never raises: a fault is raised by `event`."""
    received_at = record.timestamp * 1000
    row = None
    try:
        row = file_row(record.headers)
        fields = payloads.parse(record.value or b"")
    except Rejected as fault:
        return Raw(cleaning.UNKNOWN, {}, received_at, row, fault, record.value or b"")
    return Raw(cleaning.service(fields), fields, received_at, row, None, record.value or b"")
