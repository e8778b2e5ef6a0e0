"""How much of a window is known to be all there: the time its source was listening, less the holes that nothing has filled. Pure.

The share is cut to six places, so that it is 1 only where nothing is known to be missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WHOLE, NOTHING = b"1", b"0"
_PLACES = 10**6
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Covered:
    """A live source's time [begun, at) in us, and the holes of one symbol and kind in it, apart from each other and in order."""

    begun: int
    at: int
    holes: tuple[Span, ...] = ()

    def share(self, start: int, end: int) -> bytes:
        """Of the window [start, end), as a JSON number from 0 to 1."""
        missing = max(0, min(self.begun, end) - start) + max(0, end - max(self.at, start))
        missing += sum(min(last, end) - max(first, start) for first, last in self.holes if first < end and last > start)
        if not missing:
            return WHOLE
        known = max(0, (end - start - missing) * _PLACES // (end - start))
        return f"0.{known:06d}".encode() if known else NOTHING

    def within(self, start: int, end: int) -> "Covered":
        """All that the shares of windows in [start, end) depend on."""
        holes = tuple(hole for hole in self.holes if hole[0] < end and hole[1] > start)
        return Covered(max(self.begun, start), min(self.at, end), holes)


Coverage = Mapping[str, Covered]  # by source; those that are not live are not in it


def covered(begun: int, at: int, holes: Iterable[Span]) -> Covered:
    """Holes are given in any order; what lies outside [begun, at) is missing anyway. One without length lasts a microsecond."""
    found: list[Span] = []
    for first, last in sorted((max(first, begun), min(max(last, first + 1), at)) for first, last in holes):
        if last <= first:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return Covered(begun, max(at, begun), tuple(found))


def share(coverage: Coverage, source: str, start: int, end: int) -> bytes | None:
    """Of a source's window; None where the source is not live, so that nobody knows."""
    known = coverage.get(source)
    return None if known is None else known.share(start, end)
