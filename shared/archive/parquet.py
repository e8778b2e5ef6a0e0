"""Objects as bytes: records written as they come, in row groups of a few MiB, and read back. No I/O but on memory."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import starmap
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shared.archive import columns
from shared.archive.layout import Span
from shared.records import Record, Stored
from shared.topics import Topic

GROUP_BYTES = 4 * 1024 * 1024
READ_RECORDS = 5_000
_DELTA = {"offset": "DELTA_BINARY_PACKED", "timestamp": "DELTA_BINARY_PACKED"}


class Writer:
    """One object being made: `add` batches of records in offset order, `finish` gives its bytes and what they hold."""

    def __init__(self, topic: Topic, first: int) -> None:
        self._topic, self.first, self.end = topic, first, first
        self._sink = pa.BufferOutputStream()
        self._parquet = pq.ParquetWriter(
            self._sink, columns.schema(topic), compression="zstd", use_dictionary=["key"], column_encoding=_DELTA, write_statistics=True
        )
        self._open: list[pa.RecordBatch] = []
        self._open_bytes = self._written = 0
        self.records = self.bytes = 0
        self._first_time, self._last_time = 2**62, -1

    @property
    def held(self) -> int:
        """Bytes of memory: what is compressed and what is not yet."""
        return self._open_bytes + self._written

    @property
    def size(self) -> int:
        """About the size of the object so far."""
        return self._open_bytes // 4 + self._written

    def add(self, records: Sequence[Record]) -> None:
        """Takes the next records."""
        batch = columns.batch(self._topic, records)
        times = pc.min_max(batch.column("timestamp").view(pa.int64()))
        self._first_time = min(self._first_time, times["min"].as_py())
        self._last_time = max(self._last_time, times["max"].as_py())
        self.records += len(records)
        self.bytes += sum(pc.sum(pc.binary_length(batch.column(name)), min_count=0).as_py() for name in ("key", "value"))
        self.end = records[-1].offset + 1
        self._open.append(batch)
        self._open_bytes += batch.nbytes
        if self._open_bytes >= GROUP_BYTES:
            self.pack()

    def pack(self) -> None:
        """Compresses what has come so far: it takes a fifth of the memory then, and is a row group of its own."""
        batches, self._open, self._open_bytes = self._open, [], 0
        if batches:
            table = pa.Table.from_batches(batches)
            self._parquet.write_table(table, row_group_size=len(table))
            self._written = int(self._sink.tell())

    def finish(self) -> tuple[bytes, Span]:
        """The object; nothing may be added after it."""
        self.pack()
        self._parquet.close()
        body: bytes = self._sink.getvalue().to_pybytes()
        self._sink, self._written = None, len(body)
        digest = hashlib.sha256(body).hexdigest()
        return body, Span(self.first, self.end, self.records, self._first_time, self._last_time, self.bytes, digest)


def span(body: bytes, first: int) -> Span:
    """What an object holds that starts at `first`; raises pyarrow's `ValueError` or `OSError` for what is no such object."""
    table = pq.read_table(pa.BufferReader(body), columns=columns.RECORD.names)
    records = stored(table)
    if not records or records[0].offset < first:
        raise ValueError(f"it does not hold the offsets from {first} on")
    times = [record.timestamp for record in records]
    size = sum(len(record.key or b"") + len(record.value or b"") for record in records)
    digest = hashlib.sha256(body).hexdigest()
    return Span(first, records[-1].offset + 1, len(records), min(times), max(times), size, digest)


def read(body: bytes) -> Iterator[list[Stored]]:
    """The records of an object, a bounded number at a time."""
    file = pq.ParquetFile(pa.BufferReader(body))
    for batch in file.iter_batches(READ_RECORDS, columns=columns.RECORD.names, use_threads=False):
        yield stored(batch)


def stored(table: pa.Table | pa.RecordBatch) -> list[Stored]:
    """Rows as records."""
    held: dict[str, Any] = {name: table.column(name) for name in columns.RECORD.names}
    times = held["timestamp"].cast(pa.int64()).to_pylist()
    lists = (
        held["headers"].to_pylist() if pa.compute.any(pa.compute.greater(pa.compute.list_value_length(held["headers"]), 0)).as_py() else []
    )
    headers = [tuple((one["name"], one["value"]) for one in found) for found in lists] or [()] * len(times)
    plain = (held[name].to_pylist() for name in ("partition", "offset"))
    return list(starmap(Stored, zip(*plain, times, held["key"].to_pylist(), held["value"].to_pylist(), headers, strict=True)))
