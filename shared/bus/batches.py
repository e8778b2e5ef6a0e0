"""Fetched batches whose records can all be read: a header's name that is not UTF-8 is delivered with its bytes escaped.

Names of headers are text by Kafka's protocol, but clients write what they are given. aiokafka raises `UnicodeDecodeError` for such a name
wherever a consumer polls, so one record would stop every service that reads its partition.
"""

from typing import Any, SupportsIndex, overload

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_OVERHEAD = 12  # a batch's base offset and length
_LENGTH = slice(8, _OVERHEAD)


class Batches:
    """What a fetch returned of one partition, batch by batch, in the place of aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._rest, self._batches = memoryview(data), MemoryRecords(data)
        self._last = self._rest[:0]
        self.size_in_bytes, self.has_next = self._batches.size_in_bytes, self._batches.has_next

    def next_batch(self) -> Any:
        """The next batch, as aiokafka reads it."""
        size = _OVERHEAD + int.from_bytes(self._rest[_LENGTH])
        self._last, self._rest = self._rest[:size], self._rest[size:]
        return self._batches.next_batch()

    def escaped(self) -> Any:
        """The batch that `next_batch` returned last, with names of headers that are not UTF-8 escaped; slower to read."""
        return _Escaped(self._last)


class _Escaped(_DefaultRecordBatchPy):  # type: ignore[misc]
    """A batch as aiokafka reads it without its extension."""

    _buffer: bytearray

    def __iter__(self) -> "_Escaped":
        self._maybe_uncompress()
        self._buffer = _Buffer(self._buffer)
        return self


class _Buffer(bytearray):
    """A buffer whose slices are decoded whatever they hold."""

    @overload
    def __getitem__(self, at: SupportsIndex) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> "_Buffer": ...
    def __getitem__(self, at: SupportsIndex | slice) -> "int | _Buffer":
        return _Buffer(super().__getitem__(at)) if isinstance(at, slice) else super().__getitem__(at)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The text."""
        return super().decode(encoding, "backslashreplace")
