"""How far each owned partition is behind, in records and in seconds, from what was polled, what is done and where the log ends. Pure."""

from collections import deque
from collections.abc import Collection, Hashable
from typing import Any, Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class Behind(Generic[P]):
    """Of one consumer's partitions. Nothing is forgotten when a partition is only read anew, since it is as far behind as it was."""

    def __init__(self) -> None:
        self._done: dict[P, int] = {}
        self._polled: dict[P, deque[tuple[float, int]]] = {}  # of batches that are not done: when they begin, in seconds, and their end
        self._seen: dict[P, float] = {}  # when undone records were seen that were not polled yet

    def polled(self, partition: P, first_ms: int, end: int) -> None:
        """Records up to `end`, the first of which is stamped `first_ms`."""
        batches = self._polled.setdefault(partition, deque())
        if end > (batches[-1][1] if batches else self._done.get(partition, 0)):  # else they are read again
            batches.append((first_ms / 1000, end))

    def done(self, partition: P, offset: int) -> None:
        """Everything below `offset` is done."""
        self._done[partition] = offset
        self._seen.pop(partition, None)
        batches = self._polled.get(partition)
        while batches and batches[0][1] <= offset:
            batches.popleft()

    def measure(self, partition: P, end: int, now: float) -> tuple[int, float] | None:
        """Records and seconds, given the log's end and the time in seconds; None while it is not known where the partition stands."""
        done = self._done.get(partition)
        if done is None:
            return None
        if end <= done:
            self._seen.pop(partition, None)
            return 0, 0.0
        seen = self._seen.setdefault(partition, now)
        batches = self._polled.get(partition)
        return end - done, max(0.0, now - (batches[0][0] if batches else seen))

    def keep(self, partitions: Collection[P]) -> None:
        """Forgets all others."""
        known: dict[P, Any]
        for known in (self._done, self._polled, self._seen):
            for partition in [p for p in known if p not in partitions]:
                del known[partition]
