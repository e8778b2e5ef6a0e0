"""The log file of one process: bounded by rotation.

Invariant: a log takes at most `LIMIT` bytes times `KEPT` + 1 on disk. A disk that takes no more lines costs lines, which are counted in
the log once it does again; it never costs the process whose output this is.
"""

from __future__ import annotations

from io import FileIO
from pathlib import Path

LIMIT = 8 * 1024 * 1024
KEPT = 2


class Log:
    """Appends lines to `path`; full files (of `limit` bytes) become `path.1`, `path.2`."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.path = path
        self._limit = limit
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: FileIO | None = path.open("ab", buffering=0)
        self._lost = 0

    def write(self, line: bytes) -> None:
        try:
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            if self._lost:
                self._append(b"(%d lines were not written: the disk took none)\n" % self._lost)
                self._lost = 0
            self._append(line + b"\n")
            if self._file.tell() > self._limit:
                self._rotate()
        except OSError:
            self._lost += 1

    def tail(self, size: int = 2000) -> str:
        try:
            return self.path.read_bytes()[-size:].decode(errors="replace").strip()
        except OSError as error:
            return str(error)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _append(self, line: bytes) -> None:
        """The whole line: a disk that fills takes a part of it, and then raises."""
        assert self._file is not None
        while line:
            line = line[self._file.write(line) :]

    def _rotate(self) -> None:
        self.close()
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{n}") for n in range(1, KEPT + 1))]
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab", buffering=0)
