"""Rows of the table from figures and the goals set for them. Pure.

A goal is a ratio to a contestant of the same run wherever there is one, since absolute figures are the machine's.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bench import figures
from bench.figures import Sample, Spread
from bench.table import Row, shown, thousands

REASON = 60


class Goal(msgspec.Struct, frozen=True):
    """`figure` of `name`, held against that of `beside` (the same figure, or `beside_figure`) or, without one, as it is."""

    what: str
    name: str
    figure: str
    must: float | None
    aim: float | None
    beside: str = ""
    beside_figure: str = ""
    beside_title: str = ""
    unit: str = ""
    at_least: bool = True
    there: tuple[str, str] = ("", "")  # must and aim as absolute figures of the machine they were set on


def row(goal: Goal, samples: Sequence[Sample]) -> Row:
    """The goal's line of the table."""
    found = figures.spread(samples, goal.name, goal.figure)
    peer = figures.spread(samples, goal.beside, goal.beside_figure or goal.figure) if goal.beside else None
    value = figures.ratio(found, peer) if goal.beside else (found.median if found else None)
    met = figures.judge(value, goal.must, goal.aim, at_least=goal.at_least)
    if value is None:
        met = _reason(goal.name if found is None else goal.beside, samples)
    must, aim = (_wanted(goal, wanted, there) for wanted, there in zip((goal.must, goal.aim), goal.there, strict=True))
    return Row(goal.what, _beside(goal, peer), must, aim, _result(goal, found, value), met)


def notes(contestants: Iterable[tuple[str, str]], samples: Sequence[Sample], *wanted: tuple[str, str]) -> Iterator[Row]:
    """A line without a goal for each (name, title) that ran or tried to: its figures, given as (figure, unit)."""
    for name, title in contestants:
        if not any(sample.name == name for sample in samples):
            continue
        spreads = [(figures.spread(samples, name, figure), unit) for figure, unit in wanted]
        result = " · ".join(shown(spread, unit) for spread, unit in spreads if spread)
        yield Row(f"· {name}", title, "—", "—", result or "—", "" if result else _reason(name, samples))


def _reason(name: str, samples: Sequence[Sample]) -> str:
    """Why there is no figure, in a cell's length; the sample has the rest."""
    whole = " ".join(figures.fault(samples, name).replace("|", "/").split())
    return f"not measured: {name}: {whole if len(whole) <= REASON else whole[: REASON - 1] + '…'}"


def _wanted(goal: Goal, value: float | None, there: str) -> str:
    if value is None:
        return "—"
    text = f"{'≥' if goal.at_least else '≤'} {thousands(value)}{' x' if goal.beside else goal.unit}"
    return f"{text} ({there})" if there else text


def _beside(goal: Goal, peer: Spread | None) -> str:
    if not goal.beside:
        return goal.beside_title or "—"
    return f"{goal.beside_title or goal.beside}: {shown(peer, goal.unit)}"


def _result(goal: Goal, found: Spread | None, value: float | None) -> str:
    text = shown(found, goal.unit)
    return f"{value:.2f} x · {text}" if goal.beside and value is not None else text
