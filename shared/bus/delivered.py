"""Records as aiokafka delivers them here: what `shared.records.Record` has, made once, without the five fields that nobody reads.

aiokafka makes a dataclass of eleven fields of each record, behind two generators; that takes every service that reads a third of a
microsecond to a whole one a record (docs/adr/0024-delivered-records.md). `install` puts this in its place; the class is a private one of
aiokafka's, so the version is pinned and a test reads a batch both ways.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher

from shared.bus.batches import Batches
from shared.records import Stored


class Unpacked(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one fetched partition, from `fetch_offset` on."""

    next_fetch_offset: int

    def __iter__(self) -> Iterator[Stored]:
        return self._records_iterator or iter(())

    def _unpack_records(self) -> Iterator[Stored]:
        """A batch that aiokafka cannot read is read again with its headers' names escaped."""
        while self._records.has_next():
            try:
                yield from super()._unpack_records()
            except UnicodeDecodeError:
                batch = self._records.escaped()
                for record in batch:
                    if record.offset >= self.next_fetch_offset:
                        self.next_fetch_offset = record.offset + 1
                        yield self._consumer_record(self._tp, record)
                self.next_fetch_offset = batch.next_offset

    def _consumer_record(self, partition: Any, record: Any) -> Stored:
        return Stored(partition.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers))


def install() -> None:
    """From here on every consumer of this process delivers `Stored`."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = Batches, Unpacked
