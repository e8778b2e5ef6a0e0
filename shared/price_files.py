"""Snapshots as files: `YYYY/MM/DD/prices-HHMM.csv` in a folder; the snapshots of a minute share one, whoever writes them.

Invariant: a snapshot is in its file whole or not at all, also on a full disk.
"""

import fcntl
import os
from pathlib import Path

from shared.snapshots import COLUMNS, Attempt, path, rows, text


def append(folder: Path, started_at: int, attempts: list[Attempt]) -> Path:
    """Adds the attempts of a snapshot begun then (us) to its minute's file; raises `OSError`."""
    file = folder / path(started_at)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab", buffering=0) as out:
        fcntl.flock(out, fcntl.LOCK_EX)  # one header, and the rows of a snapshot together
        end = out.seek(0, os.SEEK_END)
        rest = memoryview(text([*([] if end else [list(COLUMNS)]), *rows(attempts)]).encode())
        try:
            while rest:
                rest = rest[out.write(rest) :]
        except OSError:
            out.truncate(end)
            raise
    return file
