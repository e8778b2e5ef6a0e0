"""The clocks of a partition's sources: as many as fit its checkpoint, whatever names the records have.

Invariant: the names take at most `BYTES` in a checkpoint; which are known depends on the log alone. An event of a name that finds no
room is published as late: the store keeps it and closes its windows by itself, no live window is opened for it.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from services.transformer.clocks import Clock
from shared.time import HOUR

BYTES = 2 * 1024 * 1024
IDLE = 2 * HOUR  # of log time; a stamp may be an hour ahead
EVERY = 64  # offsets, of which one may look for idle clocks
_REST = 320  # bytes that an entry takes besides its name: eight numbers of 64 bits and their names


def weight(name: str) -> int:
    """The bytes that a clock of this name takes in a checkpoint, at most."""
    return len(msgspec.json.encode(name)) + _REST


class Sources(Mapping[str, Clock]):
    """The known clocks, by source."""

    def __init__(self, clocks: Mapping[str, Clock], limit: int = BYTES) -> None:
        self._clocks = {source: msgspec.structs.replace(clock) for source, clock in clocks.items()}
        self._limit = limit
        self._bytes = sum(map(weight, clocks))

    def __getitem__(self, source: str) -> Clock:
        return self._clocks[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clocks)

    def __len__(self) -> int:
        return len(self._clocks)

    def begin(self, source: str) -> Clock | None:
        """A new clock for a source that has none; None where there is no room for another one."""
        if not self.has_room(source):
            return None
        self._bytes += weight(source)
        clock = self._clocks[source] = Clock()
        return clock

    def has_room(self, source: str) -> bool:
        """Whether a new clock of that name fits."""
        return self._bytes + weight(source) <= self._limit

    def forget(self, log_time: int, needed: Callable[[str], bool]) -> list[str]:
        """Drops the clocks idle for two hours at `log_time` that nothing needs; returns their names."""
        idle = [name for name, clock in self._clocks.items() if log_time - clock.log_time > IDLE and not needed(name)]
        for name in idle:
            del self._clocks[name]
            self._bytes -= weight(name)
        return idle
