"""Rows and pages of answers, kept in memory by the versions of the stored rows that they were made from.

Invariant: at most `most` rows are held, whether by themselves or on pages, or one page that has more. What is asked for moves to the
younger half; the older half goes as a whole.
"""

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

MOST = 50_000
ROW_BYTES = 1024  # about what a candle takes
Row = TypeVar("Row")
_NOTHING = (None, 0)


class Kept(Generic[Row]):
    """A version names a stored row and one state of it, so a row that was found is never stale."""

    def __init__(self, most: int = MOST) -> None:
        self._half = most // 2
        self._young: dict[Hashable, tuple[Row, int]] = {}
        self._old: dict[Hashable, tuple[Row, int]] = {}
        self._rows = 0  # in the younger half

    def get(self, version: Hashable) -> Row | None:
        """The row of this version, if it is still held."""
        found = self._young.get(version)
        if found is None:
            found = self._old.pop(version, None)
            if found is None:
                return None
            self.put(version, *found)
        return found[0]

    def put(self, version: Hashable, row: Row, rows: int = 1) -> Row:
        """Holds the row, or what counts as so many, and returns it."""
        if self._rows + rows > self._half and self._young:
            self._young, self._old, self._rows = {}, self._young, 0
        self._rows += rows - self._young.get(version, _NOTHING)[1]
        self._young[version] = (row, rows)
        return row

    def __len__(self) -> int:
        return sum(rows for half in (self._young, self._old) for _, rows in half.values())

    def clear(self) -> None:
        """Lets go of everything."""
        self._young, self._old, self._rows = {}, {}, 0


class Recent(Generic[Row]):
    """Values that may be so many seconds old, at most `most` of them."""

    def __init__(self, seconds: float, most: int = 1000) -> None:
        self._seconds, self._most = seconds, most
        self._values: dict[Hashable, tuple[float, Row]] = {}

    def get(self, key: Hashable) -> Row | None:
        """The value, unless it is too old."""
        at, value = self._values.get(key, (0.0, None))
        return value if time.monotonic() - at < self._seconds else None

    def put(self, key: Hashable, value: Row) -> Row:
        """Holds the value from now on and returns it."""
        if len(self._values) >= self._most:
            self._values.clear()
        self._values[key] = (time.monotonic(), value)
        return value
