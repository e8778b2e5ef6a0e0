"""Medians, ratios, percentiles, goals and the table."""

import pytest

from bench import figures, goals, table
from bench.figures import Sample, Spread
from bench.goals import Goal
from bench.table import Row

SAMPLES = [
    Sample("ours", 1, {"rate": 300_000.0}),
    Sample("ours", 2, {"rate": 100_000.0}),
    Sample("ours", 3, {"rate": 200_000.0}),
    Sample("ours", 4, {"rate": 9.0}, fault="12 of 13 windows came"),
    Sample("peer", 1, {"rate": 100_000.0, "warm_rate": 250_000.0}),
    Sample("broken", 1, fault="no javac\nis | installed"),
]
RATE = Goal("work", "ours", "rate", 1.15, 2.5, "peer", beside_title="Peer", unit="/s")


def test_a_spread_is_the_median_with_its_extremes_and_without_what_was_wrong() -> None:
    assert figures.spread(SAMPLES, "ours", "rate") == Spread(200_000.0, 100_000.0, 300_000.0)
    assert figures.spread(SAMPLES, "broken", "rate") is None
    assert figures.fault(SAMPLES, "ours") == "12 of 13 windows came"
    assert figures.fault(SAMPLES, "nobody") == "it did not run"


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_a_percentile_is_the_least_value_that_the_share_does_not_exceed(share: float, value: float) -> None:
    assert figures.percentile([1.0, 2.0, 3.0, 4.0], share) == value


@pytest.mark.parametrize(
    ("value", "at_least", "met"),
    [(1.0, True, "no"), (1.15, True, "yes"), (2.5, True, "yes, and the aim"), (None, True, "not measured")],
)
def test_a_goal_is_met_from_its_must_on(value: float | None, at_least: bool, met: str) -> None:
    assert figures.judge(value, 1.15, 2.5, at_least=at_least) == met


def test_a_goal_that_is_a_limit_is_met_up_to_its_must() -> None:
    assert [figures.judge(value, 4.5, 3.5, at_least=False) for value in (4.6, 4.5, 3.5)] == ["no", "yes", "yes, and the aim"]


def test_where_there_is_only_an_aim_it_alone_is_judged() -> None:
    assert [figures.judge(value, None, 1.0, at_least=True) for value in (1.0, 0.9, None)] == ["the aim", "not the aim", "not measured"]


def test_a_ratio_needs_both_sides() -> None:
    ours, none = figures.spread(SAMPLES, "ours", "rate"), figures.spread(SAMPLES, "broken", "rate")
    assert figures.ratio(ours, figures.spread(SAMPLES, "peer", "rate")) == 2.0
    assert figures.ratio(ours, none) is None


def test_a_row_shows_ratio_and_figures() -> None:
    assert goals.row(RATE, SAMPLES) == Row("work", "Peer: 100 k/s", "≥ 1.15 x", "≥ 2.5 x", "2.00 x · 200 k/s (100 k to 300 k)", "yes")


def test_a_row_may_be_held_against_another_figure_of_the_peer() -> None:
    warm = Goal("work", "ours", "rate", None, 1.0, "peer", "warm_rate", "Peer warm", "/s")
    assert goals.row(warm, SAMPLES) == Row("work", "Peer warm: 250 k/s", "—", "≥ 1 x", "0.80 x · 200 k/s (100 k to 300 k)", "not the aim")


def test_a_row_without_a_peer_is_held_against_the_figure_itself() -> None:
    limit = Goal("work", "ours", "rate", 250_000, None, unit="/s", at_least=False, there=("a guess", ""))
    found = goals.row(limit, SAMPLES)
    assert (found.beside, found.must, found.aim, found.met) == ("—", "≤ 250 k/s (a guess)", "—", "yes")


def test_a_row_says_in_one_line_why_it_was_not_measured() -> None:
    lacking = Goal("work", "ours", "rate", 1.15, None, "broken", unit="/s")
    assert goals.row(lacking, SAMPLES).met == "not measured: broken: no javac is / installed"


def test_notes_are_for_those_that_ran_or_tried_to() -> None:
    found = list(goals.notes([("peer", "Peer"), ("broken", "B"), ("nobody", "N")], SAMPLES, ("rate", "/s"), ("warm_rate", "/s warm")))
    assert [(line.what, line.result) for line in found] == [("· peer", "100 k/s · 250 k/s warm"), ("· broken", "—")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (205_123.0, "205 k"),
        (1_000.0, "1 k"),
        (1_450_000.0, "1.45 M"),
        (999_800.0, "1 M"),
        (4.52, "4.52"),
        (0.2, "0.2"),
        (999.4, "999"),
        (999.6, "1 k"),
    ],
)
def test_figures_are_shown_with_three_digits(value: float, text: str) -> None:
    assert table.thousands(value) == text


def test_the_tables_columns_are_aligned() -> None:
    lines = table.render([Row("a", "b", "c", "d", "e", "yes"), Row("longer", "—", "≥ 1 x", "—", "12", "no")]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == list(table.HEADINGS)
    assert lines[2].startswith("| a      | b ")
