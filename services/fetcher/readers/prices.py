"""CSV files of trades, quotes and prices: each row becomes a record that is a file of its own, the canonical header and the row as read.

The number n in a row's header counts the identical rows directly before it, so that equal executions stay distinct facts.
"""

from services.fetcher import headers
from services.fetcher.protocol import Output, TooLarge
from services.fetcher.rows import Oversized, Split, Splitter
from shared.csv_row import fields
from shared.errors import FileFault, Rejected
from shared.events import Run
from shared.partitioning import partition
from shared.records import RUN_HEADER
from shared.runs import PricesRequest
from shared.topics import MARKET_RAW, RAW_LIMIT

_SYMBOL_BYTES = 64
_HEADER_BYTES = 16 * 1024
_KEYS = 65_536


class Prices:
    """The rows of one file."""

    def __init__(self, run: Run, request: PricesRequest) -> None:
        self._run, self._request = run, request
        self._splitter = Splitter(quoted=True, limit=RAW_LIMIT - _HEADER_BYTES)
        self._prefix: bytes | None = None
        self._symbol_at: int | None = None
        self._keys: dict[bytes, tuple[bytes, int]] = {}
        self._source = run.source.encode()
        self._previous, self._n = b"", 0

    @property
    def line(self) -> int:
        """Where the next row starts."""
        return self._splitter.line

    def feed(self, chunk: bytes) -> list[Output]:
        """The rows that the chunk completes."""
        return self._outputs(self._splitter.feed(chunk))

    def end(self) -> list[Output]:
        """The rest; a file without a header row is empty."""
        out = self._outputs(self._splitter.end())
        if self._prefix is None and not out:
            return [FileFault("the file is empty")]
        return out

    def note(self) -> str:
        """Nothing is left out of a price file."""
        return ""

    def _outputs(self, rows: list[Split]) -> list[Output]:
        try:
            if self._prefix is None:
                rows = self._begin(rows)
        except FileFault as fault:
            return [fault]
        return self._items(rows) if rows else []

    def _begin(self, rows: list[Split]) -> list[Split]:
        """Takes the header; raises `FileFault`."""
        if rows and not isinstance(rows[0], Oversized | FileFault) and not rows[0][1].strip(b"\xef\xbb\xbf"):
            rows = rows[1:]  # a byte order mark alone on its line
        if not rows:
            return rows
        first = rows[0]
        if isinstance(first, FileFault):
            raise first
        if isinstance(first, Oversized):
            raise FileFault(f"line {first.line}: the first line has {first.length:,} bytes; is this a CSV file?")
        named = bool(self._request.header)
        if not named and len(first[1]) > _HEADER_BYTES:
            raise FileFault(f"line 1: the first line has more than {_HEADER_BYTES:,} bytes; is this a CSV file?")
        written = headers.text(first[1])
        given = headers.names(written)
        if not named:
            headers.one_line(first)
        else:
            given = self._request.header
            rows = [(first[0], written.encode()), *rows[1:]]
        request = self._request
        line = headers.canonical(given, columns=request.columns, symbol=request.symbol, timezone=request.timezone, named=named)
        if len(line) >= _HEADER_BYTES:
            raise FileFault(f"line 1: the header has {len(line):,} bytes; at most {_HEADER_BYTES:,} are taken")
        self._symbol_at = None if request.symbol is not None else line.split(",").index("symbol")
        self._prefix = line.encode() + b"\n"
        return rows if named else rows[1:]

    def _items(self, rows: list[Split]) -> list[Output]:
        prefix, run, at = self._prefix or b"", self._run.run_id.encode(), self._symbol_at
        previous, n, known = self._previous, self._n, self._keys
        out: list[Output] = []
        for row in rows:
            if isinstance(row, Oversized | FileFault):
                out.append(self._exception(row))
                previous, n = b"", 0
                continue
            line, data = row
            if data == previous:
                n += 1
            else:
                previous, n = data, 0
            native = b"" if at is None else _field(data, at)
            found = known.get(native) or self._key(native)
            out.append((found[1], found[0], prefix + data, [(RUN_HEADER, b"%b:%d:%d" % (run, line, n))]))
        self._previous, self._n = previous, n
        return out

    def _exception(self, row: Oversized | FileFault) -> Output:
        if isinstance(row, FileFault):
            return row
        key, number = self._key(b"")
        header = [(RUN_HEADER, f"{self._run.run_id}:{row.line}:0".encode())]
        return TooLarge(number, key, header, row.line, row.length, row.sha256, row.head)

    def _key(self, native: bytes) -> tuple[bytes, int]:
        """Key and partition of a symbol as the row writes it."""
        if len(self._keys) >= _KEYS:
            self._keys.clear()
        symbol = (self._request.symbol or "").encode() if self._symbol_at is None else native
        key = self._source + b"|" + symbol
        self._keys[native] = found = (key, partition(key, MARKET_RAW.partitions))
        return found


def _field(row: bytes, at: int) -> bytes:
    """The field at that position, stripped; empty where the row is shorter or the field no symbol."""
    if b'"' in row:
        try:
            cells = fields(row.decode("utf-8", "replace"))
        except Rejected:
            return b""
        field = cells[at].encode() if at < len(cells) else b""
    else:
        parts = row.split(b",", at + 1)
        field = parts[at] if at < len(parts) else b""
    field = field.strip()
    return field if len(field) <= _SYMBOL_BYTES else b""
