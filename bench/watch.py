"""What processes use while a run goes on: memory by progress, CPU seconds at its ends.

Invariant: a process is watched with all below it, so a meter or a server counts with its children, those that ended included.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil

MIB = 1024 * 1024
EARLY, LATE = 0.25, 0.75  # of the progress


@dataclass
class Watch:
    """`pids` by name; `look` adds a sample, at a progress from 0 to 1."""

    pids: Mapping[str, int]
    seen: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def look(self, progress: float) -> None:
        """Memory now, in MiB."""
        self.seen.append((progress, {name: _rss(pid) for name, pid in self.pids.items()}))

    def most(self, name: str) -> float:
        """The greatest memory seen of a process, in MiB."""
        return max(memory[name] for _, memory in self.seen)

    def growth(self, name: str) -> float:
        """The greatest memory of the last quarter over what it was at the first one."""
        return growth([(progress, memory[name]) for progress, memory in self.seen])

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {name: _cpu(pid) for name, pid in self.pids.items()}


def growth(seen: Sequence[tuple[float, float]]) -> float:
    """Of (progress, memory): the greatest from LATE on over the first from EARLY on."""
    early = next(memory for progress, memory in seen if progress >= EARLY)
    return max(memory for progress, memory in seen if progress >= LATE) / early


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _rss(pid: int) -> float:
    total = 0
    for member in _family(pid):
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / MIB


def _cpu(pid: int) -> float:
    """The parent's times hold those of children that have ended."""
    total = 0.0
    for number, member in enumerate(_family(pid)):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + (times.children_user + times.children_system if number == 0 else 0)
    return total
