"""How long after it was received each tick could be seen, from what a watcher saw of the newest tick. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Place = tuple[int, int]  # event time in us, sequence


def delays(seen: Sequence[tuple[float, Place]], ticks: Iterable[tuple[Place, float]]) -> list[float | None]:
    """Seconds for each tick (place, receive time) until the watcher's newest was at or past it; None if it never was.

    `seen` are (time, newest place) in the order of time.
    """
    reached: list[Place] = []
    for _, place in seen:
        reached.append(max(place, reached[-1]) if reached else place)
    found: list[float | None] = []
    for place, received in ticks:
        at = bisect_left(reached, place)
        found.append(seen[at][0] - received if at < len(seen) else None)
    return found
