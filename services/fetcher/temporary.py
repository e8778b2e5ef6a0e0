"""A temporary file that a download is written to, bounded in size.

Invariant: it is removed unless `kept` has returned, and then every byte is on the disk.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from shared.errors import FileFault


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Where the bytes are, and what they are: a resumed run must meet the same."""

    path: Path
    identity: dict[str, int]


class Temporary:
    """The open file; `origin` is what its faults name."""

    def __init__(self, file: IO[bytes], origin: str, most: int) -> None:
        self._file, self._origin, self._most = file, origin[:200], most
        self._digest, self._kept = sha256(), False
        self.size = 0

    async def write(self, piece: bytes) -> None:
        """Appends; raises `FileFault` above the limit."""
        self.size += len(piece)
        if self.size > self._most:
            raise FileFault(f"{self._origin} has more than FETCHER__MAX_FILE_BYTES = {self._most:,} bytes")
        self._digest.update(piece)
        await asyncio.to_thread(self._write, piece)

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:  # a disk that is nearly full takes a part
            rest = rest[self._file.write(rest) :]

    def kept(self) -> Downloaded:
        """Closes the file; whoever asked removes it."""
        self._file.close()
        self._kept = True
        identity = {"size": self.size, "hash": int.from_bytes(self._digest.digest()[:7])}
        return Downloaded(Path(self._file.name), identity)

    def removed(self) -> None:
        """Closes the file and removes it, unless it was kept."""
        if not self._kept:
            with suppress(OSError):  # a full disk: what is buffered cannot be written
                self._file.close()
            Path(self._file.name).unlink(missing_ok=True)


@contextmanager
def temporary(origin: str, most: int) -> Iterator[Temporary]:
    """A new file; raises `FileFault` for what the disk refuses."""
    try:
        # Unbuffered: a refused byte is refused here, not when the file is closed.
        file = Temporary(tempfile.NamedTemporaryFile(prefix="tickplant-", delete=False, buffering=0), origin, most)  # noqa: SIM115
        try:
            yield file
        finally:
            file.removed()
    except OSError as fault:
        raise FileFault(f"cannot keep {origin[:200]} on this disk: {fault.strerror or fault}") from None
