"""Files opened with care and read in bounded pieces: in the allowed folders, regular, below the size limit, unchanged meanwhile."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

from services.fetcher.gunzip import MAGIC, Gunzip
from services.fetcher.protocol import Output, Reader
from services.fetcher.temporary import Downloaded
from shared.errors import FileFault
from shared.settings import Fetcher

PIECE = 256 * 1024
SHOWN = 200  # characters of a path in a message


def allowed(path: str, settings: Fetcher) -> Path:
    """The file's real path; raises `FileFault` where it is not there or not under FETCHER__ALLOWED_FOLDERS."""
    try:
        real = Path(path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as fault:
        raise FileFault(f"cannot open {path[:SHOWN]}: {_reason(fault)}") from None
    if not any(real.is_relative_to(folder.resolve()) for folder in settings.allowed_folders):
        folders = ", ".join(str(folder) for folder in settings.allowed_folders)
        raise FileFault(
            f"{str(real)[:SHOWN]} is outside the folders the fetcher may read ({folders}); add its folder to FETCHER__ALLOWED_FOLDERS"
        )
    return real


class File:
    """One open file; `read` decompresses gzip by its magic bytes, whatever the name. `identity` is what a resumed run must meet again."""

    def __init__(self, path: Path, settings: Fetcher, *, ours: bool = False) -> None:
        self._path, self._ours, self._most = path, ours, settings.max_file_bytes
        try:
            # Not through a link put there after the check, and without waiting for a pipe's writer.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as fault:
            raise FileFault(f"cannot open {str(path)[:SHOWN]}: {fault.strerror}") from None
        found = os.fstat(self._descriptor)
        self.size, self.bytes_read = found.st_size, 0
        self.identity = self._found = _identity(found)
        wrong = _fault(path, found, settings)
        if wrong is not None:
            self.close()
            raise FileFault(wrong)
        self._pieces = self._read()

    @classmethod
    def fetched(cls, downloaded: Downloaded, settings: Fetcher) -> "File":
        """A file that was fetched for this run alone: it is removed when it is closed."""
        file = cls(downloaded.path, settings, ours=True)
        file.identity = downloaded.identity
        return file

    def read(self) -> bytes:
        """The next decompressed piece; empty at the end. Blocks; raises `FileFault`."""
        return next(self._pieces, b"")

    def close(self) -> None:
        """Closes the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
            if self._ours:
                self._path.unlink(missing_ok=True)

    def _read(self) -> Iterator[bytes]:
        gunzip, unpacked = None, 0
        while data := self._piece():
            if not self.bytes_read and data.startswith(MAGIC):
                gunzip = Gunzip()
            self.bytes_read += len(data)
            if gunzip is None:
                yield data
            else:
                for piece in gunzip.feed(data):
                    unpacked += len(piece)
                    if unpacked > self._most:
                        raise FileFault(f"the gzip stream unpacks to more than FETCHER__MAX_FILE_BYTES = {self._most:,} bytes")
                    yield piece
        if gunzip is not None:
            gunzip.end()
        if _identity(os.fstat(self._descriptor)) != self._found:
            raise FileFault("the file changed while it was read; ingest it again when it is complete")

    def _piece(self) -> bytes:
        try:
            return os.read(self._descriptor, PIECE)
        except OSError as fault:
            raise FileFault(f"cannot read {str(self._path)[:SHOWN]}: {fault.strerror}") from None


class FileInput:
    """A file and the reader of its kind, as a run's input."""

    def __init__(self, file: File, reader: Reader, before: Mapping[str, int]) -> None:
        self._file, self._reader = file, reader
        self.bytes_total = file.size
        if before and dict(before) != file.identity:
            file.close()
            raise FileFault("the file is not the one that the run began with: it was changed meanwhile; ingest it again")

    @property
    def bytes_read(self) -> int:
        """How much of the file, compressed as it may be, is done."""
        return self._file.bytes_read

    async def batches(self) -> AsyncIterator[Sequence[Output]]:
        """The rows of each piece; a fault names the line it was met at."""
        while piece := await self._read():
            yield self._reader.feed(piece)
        yield self._reader.end()

    def note(self) -> str:
        """The reader's."""
        return self._reader.note()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    async def _read(self) -> bytes:
        try:
            return await asyncio.to_thread(self._file.read)
        except FileFault as fault:
            raise FileFault(f"line {self._reader.line}: {fault}") from None


def _reason(fault: OSError | ValueError | RuntimeError) -> str:
    """A path with a NUL or a lone surrogate is a ValueError."""
    if isinstance(fault, OSError):
        return fault.strerror or type(fault).__name__
    return str(fault) if isinstance(fault, ValueError) else "a loop of symbolic links"


def _identity(found: os.stat_result) -> dict[str, int]:
    return {"size": found.st_size, "modified_ns": found.st_mtime_ns}


def _fault(path: Path, found: os.stat_result, settings: Fetcher) -> str | None:
    if not stat.S_ISREG(found.st_mode):
        return f"{str(path)[:SHOWN]} is not a regular file"
    if found.st_size == 0:
        return "the file is empty"
    if found.st_size > settings.max_file_bytes:
        return f"{path} has {found.st_size:,} bytes; FETCHER__MAX_FILE_BYTES allows {settings.max_file_bytes:,}"
    return None
