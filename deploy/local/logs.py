"""The log file of one process: bounded by rotation.

Invariant: a log takes at most `LIMIT` bytes times `KEPT` + 1 on disk.
"""

from __future__ import annotations

from pathlib import Path

LIMIT = 8 * 1024 * 1024
KEPT = 2


class Log:
    """Appends lines to `path`; full files (of `limit` bytes) become `path.1`, `path.2`."""

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.path = path
        self._limit = limit
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def write(self, line: bytes) -> None:
        self._file.write(line + b"\n")
        self._file.flush()
        if self._file.tell() > self._limit:
            self._rotate()

    def tail(self, size: int = 2000) -> str:
        return self.path.read_bytes()[-size:].decode(errors="replace").strip()

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        names = [self.path, *(self.path.with_name(f"{self.path.name}.{n}") for n in range(1, KEPT + 1))]
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab")
