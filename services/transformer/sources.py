"""The clocks of a partition's sources: as many as fit its checkpoint, whatever names the records have.

Invariant: the names take at most `BYTES` in a checkpoint; which are known depends on the log alone. An event of a name that finds no
room is published as late: the store keeps it and closes its windows by itself, no live window is opened for it.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from services.transformer.clocks import Clock
from shared.time import HOUR

BYTES = 2 * 1024 * 1024
IDLE = HOUR  # of the log time
_REST = 160  # bytes that an entry takes beside its name: four numbers of 64 bits and what parts them


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

    def of(self, source: str, log_time: int) -> Clock | None:
        """The clock of a source, begun at `log_time` where it is new; None where there is no room for another one."""
        clock = self._clocks.get(source)
        if clock is None and self._bytes + weight(source) <= self._limit:
            clock = self._clocks[source] = Clock(silent_since=log_time)
            self._bytes += weight(source)
        return clock

    def forget(self, log_time: int, needed: Callable[[str], bool]) -> list[str]:
        """Where half of the room is taken, drops clocks idle for an hour that nothing needs; returns their names."""
        if self._bytes <= self._limit // 2:
            return []
        idle = [name for name, clock in self._clocks.items() if log_time - clock.silent_since > IDLE and not needed(name)]
        for name in idle:
            del self._clocks[name]
            self._bytes -= weight(name)
        return idle
