"""Whether the objects of a partition hold every offset exactly once. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shared.archive.layout import Span


class Hole(NamedTuple):
    """Offsets [first, end) that no object holds, or, where `twice`, that two hold."""

    first: int
    end: int
    twice: bool


def faults(spans: Sequence[Span]) -> Iterator[Hole]:
    """Where objects, in any order, leave a hole between them or overlap."""
    reached: int | None = None
    for span in sorted(spans, key=lambda span: (span.first, span.end)):
        if reached is not None and span.first > reached:
            yield Hole(reached, span.first, False)
        if reached is not None and span.first < reached:
            yield Hole(span.first, min(span.end, reached), True)
        reached = span.end if reached is None else max(reached, span.end)


def sparse(spans: Sequence[Span]) -> list[Span]:
    """Objects with fewer records than offsets: the log had lost some, or compacted them away."""
    return [span for span in spans if span.records != span.end - span.first]
