"""Records as aiokafka delivers them here: what `shared.records.Record` has, made once, without the five fields that nobody reads.

aiokafka makes a dataclass of eleven fields of each record, behind two generators; that takes every service that reads a third of a
microsecond to a whole one a record (docs/adr/0024-delivered-records.md). `install` puts this in its place; the class is a private one of
aiokafka's, so the version is pinned and a test reads a batch both ways.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher

from shared.records import Stored


class Unpacked(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one fetched partition, from `fetch_offset` on."""

    def __iter__(self) -> Iterator[Stored]:
        return self._records_iterator or iter(())

    def _consumer_record(self, partition: Any, record: Any) -> Stored:
        return Stored(partition.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers))


def install() -> None:
    """From here on every consumer of this process delivers `Stored`."""
    fetcher.PartitionRecords = Unpacked
