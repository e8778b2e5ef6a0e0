"""Files of operational events: lines of JSON, one JSON array, or CSV, told by the first character. Each event becomes a record as it is.

A CSV row becomes a file of its own, the header and the row as read. Records are keyed by their service: its events keep their order.
"""

from services.fetcher import headers
from services.fetcher.elements import Elements
from services.fetcher.protocol import Output, TooLarge
from services.fetcher.rows import Oversized, Split, Splitter
from shared.errors import FileFault, Rejected
from shared.events import Run
from shared.ops import cleaning, payloads
from shared.ops.versions import COLUMNS
from shared.partitioning import partition
from shared.records import RUN_HEADER
from shared.runs import EventsRequest
from shared.topics import OPS_RAW, RAW_LIMIT

_BOM = b"\xef\xbb\xbf"
_HEADER_BYTES = 16 * 1024
_MOST_BLANKS = 64 * 1024


class Events:
    """The events of one file."""

    def __init__(self, run: Run, request: EventsRequest) -> None:
        self._run = run
        self._head = b""
        self._splitter: Splitter | Elements | None = None
        self._csv = False
        self._prefix: bytes | None = None
        self._last, self._n = 0, 0

    @property
    def line(self) -> int:
        """Where the next row starts."""
        return self._splitter.line if self._splitter is not None else 1

    def feed(self, chunk: bytes) -> list[Output]:
        """The events that the chunk completes."""
        if self._splitter is None:
            self._head += chunk
            first = self._head.removeprefix(_BOM).lstrip()[:1]
            if (not first and len(self._head) < _MOST_BLANKS) or (self._head != _BOM and _BOM.startswith(self._head)):
                return []
            chunk, self._head = self._head.removeprefix(_BOM), b""
            self._csv = first not in (b"{", b"[")
            limit = RAW_LIMIT - _HEADER_BYTES
            self._splitter = Elements(limit=limit) if first == b"[" else Splitter(quoted=self._csv, limit=limit)
            if b"\x00" in chunk[:4]:  # wide characters, perhaps without a mark
                return [FileFault(headers.WIDE)]
        return self._outputs(self._splitter.feed(chunk))

    def end(self) -> list[Output]:
        """The rest."""
        if self._splitter is None:
            return [FileFault("the file is empty")]
        return self._outputs(self._splitter.end())

    def note(self) -> str:
        """Nothing is left out."""
        return ""

    def _outputs(self, rows: list[Split]) -> list[Output]:
        try:
            if self._csv and self._prefix is None and rows:
                self._prefix, rows = self._header(rows[0]), rows[1:]
        except FileFault as fault:
            return [fault]
        return [self._output(row) for row in rows]

    def _header(self, row: Split) -> bytes:
        """The header's line, kept for every row; raises `FileFault`."""
        if isinstance(row, FileFault):
            raise row
        if isinstance(row, Oversized) or len(row[1]) > _HEADER_BYTES:
            raise FileFault(f"line 1: the first line has more than {_HEADER_BYTES:,} bytes; is this a CSV file?")
        headers.one_line(row)
        line = headers.text(row[1])
        headers.names(line)
        names = payloads.header(line)
        known = [name for name in names if name in COLUMNS]
        if not known:
            raise FileFault(f"line 1: the header {line[:200]!r} names none of {', '.join(COLUMNS)}")
        if twice := sorted({name for name in known if known.count(name) > 1}):
            raise FileFault(f"line 1: the header has the column {twice[0]!r} more than once")
        return line.encode() + b"\n"

    def _output(self, row: Split) -> Output:
        if isinstance(row, FileFault):
            return row
        if isinstance(row, Oversized):
            key, number = _place(cleaning.UNKNOWN)
            return TooLarge(number, key, self._run_header(row.line), row.line, row.length, row.sha256, row.head)
        line, data = row
        payload = data if self._prefix is None else self._prefix + data
        key, number = _place(_service(payload))
        return number, key, payload, self._run_header(line)

    def _run_header(self, line: int) -> list[tuple[str, bytes]]:
        """The event's place: an array may begin several on one line, n counts those before it there."""
        self._n = self._n + 1 if line == self._last else 0
        self._last = line
        return [(RUN_HEADER, f"{self._run.run_id}:{line}:{self._n}".encode())]


def _service(payload: bytes) -> str:
    try:
        return cleaning.service(payloads.parse(payload))
    except Rejected:
        return cleaning.UNKNOWN


def _place(service: str) -> tuple[bytes, int]:
    key = service.encode()
    return key, partition(key, OPS_RAW.partitions)
