"""Files of orders, executions and quotes as one run's input: opened together, read in step, merged by time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.fetcher.bring import bring
from services.fetcher.files import File
from services.fetcher.merge import Merge
from services.fetcher.protocol import Output
from services.fetcher.timed import Rows, Timed
from shared.errors import FileFault
from shared.events import Run
from shared.runs import OrdersRequest
from shared.settings import S3, Fetcher
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
    """The files that a request names; `identities` is what they are, by name."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self.identities: dict[str, dict[str, int]] = {}

    @classmethod
    async def open(cls, run: Run, request: OrdersRequest, settings: Fetcher, s3: S3) -> "OrdersInput":
        """Opens all of them; raises `FileFault`."""
        try:
            ZoneInfo(request.timezone)
        except (ValueError, KeyError, OSError):
            raise FileFault(f"timezone {request.timezone!r} is no IANA time zone, like UTC or America/New_York") from None
        opened = cls()
        try:
            for name in ORDER:
                if given := getattr(request, name):
                    await opened._add(name, given, Rows(run.run_id, name, request.timezone), settings, s3, request.files.get(name))
        except BaseException:
            opened.close()
            raise
        if not opened._open:
            raise FileFault("the request names no file of orders, trades or nbbo")
        return opened

    @property
    def bytes_total(self) -> int:
        """How large they are, compressed as they may be."""
        return sum(there.file.size for there in self._open)

    @property
    def bytes_read(self) -> int:
        """How much of that is done."""
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
            yield [output for _, output in taken]

    def note(self) -> str:
        """Nothing is left out."""
        return ""

    def close(self) -> None:
        """Closes the files."""
        for there in self._open:
            there.file.close()

    async def _add(self, name: columns.File, given: str, rows: Rows, settings: Fetcher, s3: S3, before: dict[str, int] | None) -> None:
        try:
            file = await bring(given, settings, s3)
        except FileFault as fault:
            raise FileFault(f"{name}: {fault}") from None
        self._open.append(_Open(file, rows))
        if before is not None and before != file.identity:
            raise FileFault(f"{name}: the file is not the one that the run began with: it was changed meanwhile; ingest it again")
        self.identities[name] = file.identity
