"""Ended runs and holes, removed from their compacted topics by the owner of their partition once they are old.

Invariant: only what the store has kept for `KEPT` is removed, so a state topic stays as small as what still matters.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

from shared.bus import Producer
from shared.settings import Kafka
from shared.time import DAY
from shared.topics import Topic

KEPT = 30 * DAY
SWEEP_SECONDS = 600.0
NEVER = 2**63  # us; ended, and not to be removed
MOST = 10_000  # removed at a time


class Key(NamedTuple):
    """A record of a compacted topic."""

    partition: int
    key: bytes


class Ended:
    """The ended things of the owned partitions, by key, with the time of their end in us."""

    def __init__(self) -> None:
        self._ended: dict[Key, int] = {}
        self._due = 0.0

    def __contains__(self, key: Key) -> bool:
        return key in self._ended

    def add(self, key: Key, at: int) -> None:
        """It ended at `at`."""
        self._ended[key] = at

    def discard(self, key: Key) -> None:
        """It goes on, or has been removed."""
        self._ended.pop(key, None)

    def clear(self) -> None:
        """The partitions belong to somebody else."""
        self._ended.clear()
        self._due = 0.0

    def old(self, now: int) -> list[Key]:
        """What ended more than `KEPT` before `now`, at most `MOST`."""
        return [key for key, at in self._ended.items() if at < now - KEPT][:MOST]

    async def sweep(self, kafka: Kafka, topic: Topic, owned: Iterable[int]) -> None:
        """Now and then publishes a tombstone for everything old in the owned partitions; raises `Unavailable`."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + SWEEP_SECONDS
        mine = set(owned)
        if old := [key for key in self.old(time.time_ns() // 1000) if key.partition in mine]:
            async with Producer(kafka, client_id="fetcher-tombstones") as producer:
                for partition, key in old:
                    producer.add(topic, partition, key, None)
                await producer.flush()
            for each in old:
                self.discard(each)
