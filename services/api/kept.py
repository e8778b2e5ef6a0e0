"""Rows of answers, kept in memory by the version of the stored row that they were made from.

Invariant: at most `most` rows are held. What is asked for moves to the younger half; the older half goes as a whole.
"""

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

MOST = 50_000  # candles, about a kilobyte each
Row = TypeVar("Row")


class Kept(Generic[Row]):
    """A version names a stored row and one state of it, so a row that was found is never stale."""

    def __init__(self, most: int = MOST) -> None:
        self._half = most // 2
        self._young: dict[Hashable, Row] = {}
        self._old: dict[Hashable, Row] = {}

    def get(self, version: Hashable) -> Row | None:
        """The row of this version, if it is still held."""
        found = self._young.get(version)
        if found is None and (found := self._old.pop(version, None)) is not None:
            self.put(version, found)
        return found

    def put(self, version: Hashable, row: Row) -> Row:
        """Holds the row and returns it."""
        if len(self._young) >= self._half:
            self._young, self._old = {}, self._young
        self._young[version] = row
        return row

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def clear(self) -> None:
        """Lets go of everything."""
        self._young, self._old = {}, {}


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
