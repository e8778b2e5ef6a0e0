"""Files of orders, executions and quotes: each row becomes a record that is a file of its own, with the time it is merged by.

The time of a row that tells none, or an earlier one than the row before it, is that of the row before: a file keeps its order.
"""

from itertools import accumulate
from zoneinfo import ZoneInfo

from services.fetcher import headers
from services.fetcher.protocol import Item, TooLarge
from services.fetcher.rows import Oversized, Split, Splitter
from shared.csv_row import fields
from shared.errors import FileFault, Rejected
from shared.partitioning import partition
from shared.records import RUN_HEADER, Row
from shared.topics import RAW_LIMIT, TRADING_RAW
from shared.trading import columns
from shared.trading.columns import TIME, File
from shared.trading.plain import Known, Unusual, cells, look_up, moments
from shared.trading.values import moment, symbol

_HEADER_BYTES = 16 * 1024


Timed = tuple[int, Item | TooLarge]  # the time that a row is merged by (us), and the row


class Rows:
    """One file's rows. Feed it chunks, then `end`; both raise `FileFault`."""

    def __init__(self, run_id: str, file: File, timezone: str) -> None:
        self._run, self.file, self._timezone, self._zone = run_id, file, timezone, ZoneInfo(timezone)
        self._splitter = Splitter(quoted=True, limit=RAW_LIMIT - _HEADER_BYTES)
        self._prefix: bytes | None = None
        self._symbol_at = self._time_at = self._width = 0
        self._places = Known(_place)
        self._time = 0

    @property
    def line(self) -> int:
        """Where the next row starts."""
        return self._splitter.line

    def feed(self, chunk: bytes) -> list[Timed]:
        """The rows that the chunk completes."""
        return self._timed(self._splitter.feed(chunk))

    def end(self) -> list[Timed]:
        """The rest."""
        found = self._timed(self._splitter.end())
        if self._prefix is None:
            raise FileFault("the file is empty")
        return found

    def _timed(self, rows: list[Split]) -> list[Timed]:
        if self._prefix is None and rows:
            self._prefix, rows = self._header(rows[0]), rows[1:]
        if not rows:
            return []
        try:
            return self._together(rows)
        except (Rejected, Unusual, UnicodeDecodeError):
            return [self._alone(row) for row in rows]

    def _together(self, given: list[Split]) -> list[Timed]:
        """Plain rows; raises `Unusual`, `Rejected` or `UnicodeDecodeError` where one of them is not, and nothing has changed."""
        if set(map(type, given)) != {tuple}:
            raise Unusual
        numbers, rows = zip(*given, strict=True)
        found = cells(b"\n".join(rows).decode().split("\n"), self._width)
        places = look_up(self._places, found[self._symbol_at])
        times = list(accumulate(moments(found[self._time_at], self._zone), max, initial=self._time))[1:]
        self._time = times[-1]
        prefix, run = self._prefix or b"", self._run.encode()
        return [
            (at, (number, key, prefix + row, [(RUN_HEADER, b"%b:%d:0" % (run, line))]))
            for at, (key, number), row, line in zip(times, places, rows, numbers, strict=True)
        ]

    def _alone(self, row: Split) -> Timed:
        """Any row."""
        if isinstance(row, FileFault):
            raise row
        if isinstance(row, Oversized):
            return self._time, self._too_large(row)
        line, data = row
        split = data.split(b",") if b'"' not in data else _quoted(data)
        native, at = (split[self._symbol_at], split[self._time_at]) if len(split) > self._widest else (b"", b"")
        key, number = self._places[native.decode("utf-8", "replace")]
        return self._at(at), (number, key, (self._prefix or b"") + data, [Row(self._run, line, 0).header()])

    def _header(self, row: Split) -> bytes:
        if isinstance(row, FileFault):
            raise row
        if isinstance(row, Oversized) or len(row[1]) > _HEADER_BYTES:
            raise FileFault(f"line 1: the first line has more than {_HEADER_BYTES:,} bytes; is this a CSV file?")
        headers.one_line(row)
        line = columns.canonical(self.file, headers.names(headers.text(row[1])), self._timezone)
        names = line.split(",")
        self._symbol_at, self._time_at = names.index("symbol"), names.index(TIME[self.file])
        self._width = columns.layout(line).width
        self._widest = max(self._symbol_at, self._time_at)
        return line.encode() + b"\n"

    def _at(self, text: bytes) -> int:
        """The row's own time, never before the last row's."""
        try:
            at = moment(text.strip().decode(), self._zone)
        except (Rejected, UnicodeDecodeError):
            return self._time  # it is the transformer that says so
        if at > self._time:
            self._time = at
        return self._time

    def _too_large(self, row: Oversized) -> TooLarge:
        key, number = self._places[""]
        header = [Row(self._run, row.line, 0).header()]
        return TooLarge(number, key, header, row.line, row.length, row.sha256, row.head, self.file)


def _place(native: str) -> tuple[bytes, int]:
    """Key and partition of a symbol as the row writes it: the canonical one, so that a symbol has one partition."""
    try:
        key = symbol(native).encode()
    except Rejected:
        key = b""
    return key, partition(key, TRADING_RAW.partitions)


def _quoted(data: bytes) -> list[bytes]:
    try:
        return [field.encode() for field in fields(data.decode("utf-8", "replace"))]
    except Rejected:
        return []
