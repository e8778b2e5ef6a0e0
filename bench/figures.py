"""Samples of contestants, their medians and ratios, and goals held against them. Pure.

Invariant: a sample with a fault has no part in any figure.
"""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

Met = str  # "yes", "yes, and the aim", "no", "the aim", "not the aim" or "not measured: …"


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run of one contestant: its figures by name, or what was wrong with it. `load` is the machine's just before."""

    name: str
    round: int
    figures: dict[str, float] = {}
    fault: str = ""
    load: float = 0.0


class Spread(msgspec.Struct, frozen=True):
    """The median of a figure with its least and greatest value."""

    median: float
    least: float
    greatest: float


def spread(samples: Iterable[Sample], name: str, figure: str) -> Spread | None:
    """Over the contestant's right samples; None without any."""
    values = [sample.figures[figure] for sample in samples if sample.name == name and not sample.fault and figure in sample.figures]
    return Spread(median(values), min(values), max(values)) if values else None


def fault(samples: Iterable[Sample], name: str) -> str:
    """Why the contestant has no figure."""
    faults = [sample.fault for sample in samples if sample.name == name and sample.fault]
    return faults[-1] if faults else "it did not run"


def ratio(of: Spread | None, to: Spread | None) -> float | None:
    """The ratio of two medians."""
    return of.median / to.median if of and to and to.median else None


def judge(value: float | None, must: float | None, aim: float | None, *, at_least: bool) -> Met:
    """Whether a figure meets its goals."""
    if value is None:
        return "not measured"

    def meets(goal: float) -> bool:
        return value >= goal if at_least else value <= goal

    if must is None:
        return "—" if aim is None else "the aim" if meets(aim) else "not the aim"
    if not meets(must):
        return "no"
    return "yes, and the aim" if aim is not None and meets(aim) else "yes"


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least value that `share` of all values do not exceed; `ordered` ascending and not empty."""
    rank = -(-len(ordered) * share // 1)  # ceiling
    return ordered[max(int(rank) - 1, 0)]
