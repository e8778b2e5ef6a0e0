"""A Kafka record as the pure code sees it, the header of a file's row, and control records as CloudEvents in binary mode."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from shared.errors import Rejected
from shared.time import DAY, EARLIEST, LATEST, to_iso

RUN_HEADER = "run"
CONTROL = "tickplant."
RESPONSE, TAPE_PAGE = (
    b"market.response",
    b"market.tape",
)  # `ce_type` of a provider's answer; a page of past trades is named by its key
ROW = re.compile(rb"([!-~]{1,128}):([0-9]{1,18}):([0-9]{1,18})")


class Record(Protocol):
    """What the log keeps of one record; `timestamp` in milliseconds."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Stored(msgspec.Struct, gc=False):
    """A record of the log or of an object, as a `Record`."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Row(NamedTuple):
    """Which row of which run a raw record is; `n` counts identical consecutive lines before it."""

    run: str
    line: int
    n: int

    def header(self) -> tuple[str, bytes]:
        """The one header of a file's row."""
        return RUN_HEADER, f"{self.run}:{self.line}:{self.n}".encode()

    @classmethod
    def parse(cls, header: bytes) -> "Row | None":
        """The inverse of `header`; None for what `header` never wrote."""
        found = ROW.fullmatch(header)
        return cls(found[1].decode(), int(found[2]), int(found[3])) if found else None


def received_at(record: Record) -> int:
    """The receive time of a raw record, us; one out of range as the nearest time in it."""
    return min(max(record.timestamp * 1000, EARLIEST), LATEST - 1)


def credible(at: int, record: Record) -> bool:
    """Whether a time that a record names, or an epoch, us, is no more than a day ahead of the record's own stamp.

    One that is would shut out all that comes later.
    """
    return at <= record.timestamp * 1000 + DAY


def stamped(record: Record) -> Rejected | None:
    """Why the record's timestamp cannot be its receive time; None where it can."""
    if EARLIEST <= record.timestamp * 1000 < LATEST:
        return None
    return Rejected("bad_timestamp", f"the record is stamped {record.timestamp} ms, not between 1971 and the year 10000")


def header(headers: Sequence[tuple[str, bytes]], name: str) -> bytes | None:
    """The first header of that name."""
    for key, value in headers:
        if key == name:
            return value
    return None


def file_row(headers: Sequence[tuple[str, bytes]]) -> Row | None:
    """The row of a file that a raw record is; None for a live one. Raises `Rejected` for a header that no row has."""
    given = header(headers, RUN_HEADER)
    if given is None:
        return None
    row = Row.parse(given)
    if row is None:
        raise Rejected("bad_row", f"header {RUN_HEADER} {given[:80]!r} is not `run_id:line:n`")
    return row


def cloud_event(kind: str, *, source: str, subject: str, event_id: str, time_us: int) -> list[tuple[str, bytes]]:
    """The headers of a low-rate record: CloudEvents 1.0, Kafka protocol binding, binary content mode."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", f"/sources/{source}".encode()),
        ("ce_type", f"{CONTROL}{kind}".encode()),
        ("ce_time", to_iso(time_us).encode()),
        ("ce_subject", subject.encode()),
        ("content-type", b"application/json"),
    ]


def response_headers(
    source: str, url: str, status: int, latency_ms: int, attempt: int, time_us: int, kind: bytes = RESPONSE
) -> list[tuple[str, bytes]]:
    """The headers of a provider's response; `url` holds no secret."""
    told = [("http_status", str(status)), ("latency_ms", str(latency_ms)), ("attempt", str(attempt)), ("url", url)]
    event = cloud_event("response", source=source, subject=source, event_id=f"{source}-{time_us}", time_us=time_us)
    data = [(name, kind if name == "ce_type" else value) for name, value in event]
    return data + [(name, value.encode()) for name, value in told]


def control_kind(headers: Sequence[tuple[str, bytes]]) -> str | None:
    """`heartbeat`, `closed`, `connection` or `marker` for a control record; None for data."""
    kind = header(headers, "ce_type")
    if kind is None or not kind.startswith(CONTROL.encode()):
        return None
    return kind.decode("utf-8", "replace").removeprefix(CONTROL)
