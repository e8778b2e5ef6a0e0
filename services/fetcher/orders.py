"""Files of orders, executions and quotes as one run's input: opened together, read in step, merged by time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.fetcher.files import File, allowed
from services.fetcher.merge import Merge
from services.fetcher.protocol import Output
from services.fetcher.timed import Rows, Timed
from shared.errors import FileFault
from shared.events import Run
from shared.runs import OrdersRequest
from shared.settings import Fetcher
from shared.trading import columns

# Of one time quotes come first, so that an execution finds its quote stored.
ORDER: tuple[columns.File, ...] = ("nbbo", "orders", "trades")


@dataclass(slots=True)
class _Open:
    """One of the files and the reader of its rows."""

    file: File
    rows: Rows

    def read(self) -> tuple[list[Timed], bool]:
        """The next rows, and whether they were the last; raises `FileFault` with file and line."""
        try:
            piece = self.file.read()
            return (self.rows.feed(piece), False) if piece else (self.rows.end(), True)
        except FileFault as fault:
            where = "" if str(fault).startswith("line ") else f"line {self.rows.line}: "
            raise FileFault(f"{self.rows.file}: {where}{fault}") from None


class OrdersInput:
    """The files that the request names."""

    def __init__(self, run: Run, request: OrdersRequest, settings: Fetcher) -> None:
        try:
            ZoneInfo(request.timezone)
        except (ValueError, KeyError, OSError):
            raise FileFault(f"timezone {request.timezone!r} is no IANA time zone, like UTC or America/New_York") from None
        self._open: list[_Open] = []
        self.identities: dict[str, dict[str, int]] = {}
        try:
            for name in ORDER:
                if path := getattr(request, name):
                    self._add(run, name, path, request, settings)
        except FileFault:
            self.close()
            raise
        if not self._open:
            raise FileFault("the request names no file of orders, trades or nbbo")
        self.bytes_total = sum(there.file.size for there in self._open)

    @property
    def bytes_read(self) -> int:
        """How much of the files, compressed as they may be, is done."""
        return sum(there.file.bytes_read for there in self._open)

    async def batches(self) -> AsyncIterator[Sequence[Output]]:
        """Rows in the order of their times."""
        merge = Merge(len(self._open))
        while True:
            while (at := merge.wanted()) is not None:
                rows, ended = await asyncio.to_thread(self._open[at].read)
                merge.add(at, rows)
                if ended:
                    merge.end(at)
            taken = merge.take()
            if not taken:
                return
            yield [row.output for row in taken]

    def note(self) -> str:
        """Nothing is left out."""
        return ""

    def close(self) -> None:
        """Closes the files."""
        for there in self._open:
            there.file.close()

    def _add(self, run: Run, name: columns.File, path: str, request: OrdersRequest, settings: Fetcher) -> None:
        try:
            file = File(allowed(path, settings), settings)
        except FileFault as fault:
            raise FileFault(f"{name}: {fault}") from None
        self._open.append(_Open(file, Rows(run.run_id, name, request.timezone)))
        before = request.files.get(name)
        if before is not None and before != file.identity:
            raise FileFault(f"{name}: the file is not the one that the run began with: it was changed meanwhile; ingest it again")
        self.identities[name] = file.identity
