"""Rows of several files merged by time, in bounded memory: a file is read on when all that is held of it is merged. Pure.

Files that are read anew merge to the same sequence, however their bytes are cut.
"""

from collections.abc import Sequence
from operator import itemgetter

from services.fetcher.timed import Timed

_time = itemgetter(0)


class Merge:
    """Rows come in by `add`, each file's in ascending time; `take` gives those that no later row can come before."""

    def __init__(self, files: int) -> None:
        self._held: list[list[Timed]] = [[] for _ in range(files)]
        self._ended = [False] * files

    def add(self, file: int, rows: Sequence[Timed]) -> None:
        """More rows of a file."""
        self._held[file].extend(rows)

    def end(self, file: int) -> None:
        """The file has no more rows."""
        self._ended[file] = True

    def wanted(self) -> int | None:
        """The file to read next: one that is not ended and of which nothing is held; None when `take` has something or all is done."""
        return next((at for at, held in enumerate(self._held) if not held and not self._ended[at]), None)

    def take(self) -> list[Timed]:
        """Rows in the order of their times; of one time the first file's come first. Empty when all is done."""
        limit = min(((held[-1][0], at) for at, held in enumerate(self._held) if held and not self._ended[at]), default=None)
        taken: list[Timed] = []
        for at, held in enumerate(self._held):
            count = len(held) if limit is None else _upto(held, limit[0], inclusive=at <= limit[1])
            taken += held[:count]
            self._held[at] = held[count:]
        taken.sort(key=_time)
        return taken


def _upto(rows: list[Timed], time: int, *, inclusive: bool) -> int:
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        if rows[middle][0] < time or (inclusive and rows[middle][0] == time):
            low = middle + 1
        else:
            high = middle
    return low
