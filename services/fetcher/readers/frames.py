"""Recorded sessions, `receive time: frame` per line: each line becomes a record as it is.

Lines that begin with ws:// or wss:// tell of connections and of what the client sent: they are no venue frames and are only counted.
"""

from services.fetcher import headers
from services.fetcher.protocol import Output, TooLarge
from services.fetcher.rows import Oversized, Split, Splitter
from shared.errors import FileFault
from shared.events import Run
from shared.partitioning import partition
from shared.providers import PROVIDERS
from shared.records import RUN_HEADER
from shared.runs import FramesRequest
from shared.topics import MARKET_RAW, RAW_LIMIT

_CONNECTION = (b"wss://", b"ws://")


class Frames:
    """The frames of one session."""

    def __init__(self, run: Run, request: FramesRequest) -> None:
        if request.provider not in PROVIDERS:
            raise FileFault(f"--provider {request.provider!r} is none of {', '.join(PROVIDERS)}")
        self._native_symbol = PROVIDERS[request.provider].native_symbol
        self._run = run
        self._splitter = Splitter(quoted=False, limit=RAW_LIMIT)
        self._begun = False
        self._skipped = 0
        self._previous, self._n = b"", 0

    @property
    def line(self) -> int:
        """Where the next row starts."""
        return self._splitter.line

    def feed(self, chunk: bytes) -> list[Output]:
        """The frames that the chunk completes."""
        return self._outputs(self._splitter.feed(chunk))

    def end(self) -> list[Output]:
        """The rest."""
        out = self._outputs(self._splitter.end())
        if not self._begun:
            return [FileFault("the file is empty")]
        return out

    def note(self) -> str:
        """How many lines were no venue frames."""
        return f"{self._skipped} connection lines skipped" if self._skipped else ""

    def _outputs(self, rows: list[Split]) -> list[Output]:
        if rows and not self._begun:
            self._begun = True
            first = rows[0]
            if not isinstance(first, Oversized | FileFault):
                try:
                    rows[0] = (first[0], headers.text(first[1]).encode())
                except FileFault as fault:
                    return [fault]
        return [item for row in rows if (item := self._output(row)) is not None]

    def _output(self, row: Split) -> Output | None:
        if isinstance(row, FileFault):
            return row
        if isinstance(row, Oversized):
            self._previous, self._n = b"", 0
            key, number = self._key(row.head)
            return TooLarge(number, key, self._header(row.line), row.line, row.length, row.sha256, row.head)
        line, data = row
        if data.startswith(_CONNECTION):
            self._skipped += 1
            return None
        if not data:
            return None
        self._n = self._n + 1 if data == self._previous else 0
        self._previous = data
        key, number = self._key(data)
        return number, key, data, self._header(line)

    def _header(self, line: int) -> list[tuple[str, bytes]]:
        return [(RUN_HEADER, f"{self._run.run_id}:{line}:{self._n}".encode())]

    def _key(self, data: bytes) -> tuple[bytes, int]:
        """`source|native symbol`; the source alone for frames about no symbol."""
        native = self._native_symbol(data)
        key = f"{self._run.source}|{native}".encode() if native else self._run.source.encode()
        return key, partition(key, MARKET_RAW.partitions)
