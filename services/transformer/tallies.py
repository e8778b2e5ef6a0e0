"""Counts of what each source and run had per block of raw offsets, so that the stages can be held against each other."""

from shared.events import Count, Tally
from shared.time import HOUR

BLOCK = 4096
_Key = tuple[str, str, int]


class Tallies:
    """The growing counts of the current block of one raw partition."""

    def __init__(self, topic: str, partition: int, epoch: int, block: int = 0, counts: list[Count] | None = None) -> None:
        self._about = (topic, partition, epoch)
        self.block = block
        self._counts: dict[_Key, list[int]] = {(c.source, c.run, c.hour): [c.received, c.rejected, c.ignored] for c in counts or []}
        self.changed = False

    def enter(self, offset: int) -> Tally | None:
        """Moves to the block of `offset`; returns the finished tally of the block that is left, if it counted anything."""
        block = offset // BLOCK
        if block == self.block:
            return None
        finished = self.snapshot((self.block + 1) * BLOCK) if self._counts else None
        self.block, self._counts, self.changed = block, {}, False
        return finished

    def add(self, source: str, run: str | None, received_at: int, *, received: int = 0, rejected: int = 0, ignored: int = 0) -> None:
        """Counts values of one record; `received` includes the rejected."""
        key = (source, run or "", received_at - received_at % HOUR)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0, 0, 0]
        counts[0] += received
        counts[1] += rejected
        counts[2] += ignored
        self.changed = True

    def snapshot(self, upto: int) -> Tally:
        """The block's counts over the offsets below `upto`."""
        topic, partition, epoch = self._about
        self.changed = False
        return Tally(topic, partition, epoch, self.block, upto, self.counts())

    def counts(self) -> list[Count]:
        """The current block's counts, as a checkpoint keeps them."""
        return [Count(*key, *counts) for key, counts in sorted(self._counts.items())]
