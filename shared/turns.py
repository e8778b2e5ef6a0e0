"""Polled records that wait for their turn: each partition gets a slice at a time, so none waits for all of another's. Pure.

Invariant: the slices of a partition are its records in their order, each record once.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from shared.records import Record

P = TypeVar("P", bound=Hashable)
SLICE_BYTES, SLICE_SECONDS = 1024 * 1024, 0.05
MOST_BYTES = 64 * 1024 * 1024  # that may wait before more is polled


class Turns(Generic[P]):
    """The waiting records of each partition."""

    def __init__(self, most: int, slice_records: int) -> None:
        """Up to `most` records wait, and a slice has up to `slice_records`."""
        self._most, self._slice = most, slice_records
        self._limits: dict[P, int] = {}  # of partitions with slow records
        self._waiting: dict[P, tuple[Sequence[Record], int]] = {}  # and how many of them have had their turn
        self.records, self._bytes = 0, 0  # that wait

    @property
    def room(self) -> int:
        """How many more records may be added."""
        return max(0, self._most - self.records) if self._bytes < MOST_BYTES else 0

    def add(self, polled: Mapping[P, Sequence[Record]]) -> None:
        """Puts records behind those of their partition that wait already."""
        for partition, records in polled.items():
            if not records:
                continue
            known, at = self._waiting.get(partition, ((), 0))
            self._waiting[partition] = ([*known[at:], *records] if known else records, 0)
            self.records += len(records)
            self._bytes += _size(records)

    def wanted(self, partitions: Collection[P], enough: int) -> list[P]:
        """The partitions that have fewer than `enough` records waiting: what is polled of the others would take all the room."""
        return [p for p in partitions if p not in self._waiting or self._count(p) < enough]

    def round(self) -> Iterator[tuple[P, Sequence[Record]]]:
        """A slice of each partition that has records: about `SLICE_BYTES` and, by what slices took before, `SLICE_SECONDS`."""
        for partition in list(self._waiting):
            if partition not in self._waiting:  # dropped since
                continue
            records, at = self._waiting[partition]
            taken = _slice(records, at, self._limits.get(partition, self._slice))
            self._take(partition, len(taken))
            yield partition, taken

    def batch(self, most: int) -> dict[P, Sequence[Record]]:
        """Up to `most` records: of each partition as many as of any other, as far as it has them, and the rest in their order."""
        given: dict[P, Sequence[Record]] = {}
        left = most
        for number, partition in enumerate(sorted(self._waiting, key=self._count)):  # who has few leaves its share to the others
            share = -(-left // (len(self._waiting) - number))
            records, at = self._waiting[partition]
            if taken := records[at : at + min(share, left)]:
                given[partition] = taken
                left -= len(taken)
        for partition, taken in given.items():
            self._take(partition, len(taken))
        return given

    def _count(self, partition: P) -> int:
        records, at = self._waiting[partition]
        return len(records) - at

    def _take(self, partition: P, count: int) -> None:
        records, at = self._waiting[partition]
        if at + count == len(records):
            del self._waiting[partition]
        else:
            self._waiting[partition] = (records, at + count)
        self.records -= count
        self._bytes -= _size(records[at : at + count])

    def took(self, partition: P, records: int, seconds: float) -> None:
        """How long a slice took decides how many records the partition's next one has."""
        if seconds > SLICE_SECONDS:
            self._limits[partition] = max(1, int(records * SLICE_SECONDS / seconds))
        elif (limit := self._limits.pop(partition, self._slice)) * 2 < self._slice:
            self._limits[partition] = limit * 2

    def drop(self, partition: P) -> None:
        """Drops the records of a partition, which is read anew from another position."""
        if partition in self._waiting:
            self._take(partition, self._count(partition))

    def keep(self, partitions: Collection[P]) -> None:
        """Drops the records of all other partitions."""
        for partition in [p for p in self._waiting if p not in partitions]:
            self.drop(partition)


def _slice(records: Sequence[Record], at: int, limit: int) -> Sequence[Record]:
    taken = records[at : at + limit]
    while len(taken) > 1 and _size(taken) > SLICE_BYTES:
        taken = taken[: len(taken) // 2]
    return taken


def _size(records: Sequence[Record]) -> int:
    return sum([len(record.value) for record in records if record.value])
