"""A market's phase: by example, and that nothing but the 201 closes decides it."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.phases import LONG, Standing, standing

DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(LONG + 1)]
BEFORE, DAY = DAYS[:-1], DAYS[-1]
# A price is three bytes of cents: one draw for all of them.
closes = st.binary(min_size=3 * (LONG + 1), max_size=3 * (LONG + 1)).map(
    lambda drawn: [Decimal(int.from_bytes(drawn[at : at + 3]) + 1).scaleb(-2) for at in range(0, len(drawn), 3)]
)


def of(values: list[Decimal]) -> dict[date, Decimal]:
    return dict(zip(DAYS, values, strict=True))


def line(*corners: tuple[int, int]) -> dict[date, Decimal]:
    """Closes on straight lines between (session, price) corners."""
    found: list[Decimal] = []
    for (a, low), (b, high) in itertools.pairwise(corners):
        found += [Decimal(low) + Decimal(high - low) * n / (b - a) for n in range(b - a)]
    return of([*found, Decimal(corners[-1][1])])


@pytest.mark.parametrize(
    ("corners", "phase"),
    [
        (((0, 100), (200, 300)), "markup"),  #                   /
        (((0, 300), (200, 100)), "markdown"),  #                 \
        (((0, 100), (170, 300), (200, 180)), "distribution"),  # /\  still above its long average, and falling
        (((0, 300), (170, 100), (200, 200)), "accumulation"),  # \/  still below it, and rising
        (((0, 100), (200, 100)), "markdown"),  # nothing moves: neither above nor rising
    ],
)
def test_a_phase_is_told_by_where_the_averages_are_and_where_they_go(corners: tuple[tuple[int, int], ...], phase: str) -> None:
    assert standing(DAY, BEFORE, line(*corners)).phase == phase


def test_averages_are_of_the_last_fifty_and_two_hundred_closes_the_day_s_own_among_them() -> None:
    found = standing(DAY, BEFORE, of([Decimal(n) for n in range(1, LONG + 2)]))
    assert (found.short, found.long) == (Decimal("176.5"), Decimal("101.5"))


def test_without_two_hundred_sessions_before_it_a_day_has_no_phase_and_says_why() -> None:
    known = of([Decimal(1)] * (LONG + 1))
    assert standing(DAY, BEFORE[1:], known) == Standing(None, "199 of the 200 sessions before have a close, and not the first of them")
    del known[DAYS[0]]
    assert standing(DAY, BEFORE, known).phase is None


def test_a_session_without_a_close_repeats_the_one_before_it() -> None:
    known = line((0, 100), (200, 300))
    carried = {**known, DAYS[120]: known[DAYS[119]]}
    del known[DAYS[120]]
    assert standing(DAY, BEFORE, known) == standing(DAY, BEFORE, carried)


@settings(max_examples=200, deadline=None)
@given(
    closes, st.dictionaries(st.dates(date(2000, 1, 1), date(2023, 12, 31)) | st.dates(date(2025, 1, 1)), st.just(Decimal(7)), max_size=20)
)
def test_what_is_known_besides_the_201_closes_changes_nothing(values: list[Decimal], others: dict[date, Decimal]) -> None:
    earlier = [min(DAYS) - timedelta(days=n) for n in range(30, 0, -1)]
    alone = standing(DAY, BEFORE, of(values))
    assert alone.phase is not None
    assert standing(DAY, [*earlier, *BEFORE], {**others, **of(values)}) == alone


@settings(max_examples=200, deadline=None)
@given(closes, st.sampled_from([Decimal(2), Decimal("0.05"), Decimal(1) / 8, Decimal(10)]))
def test_a_split_changes_no_phase(values: list[Decimal], factor: Decimal) -> None:
    assert standing(DAY, BEFORE, of(values)).phase == standing(DAY, BEFORE, of([value * factor for value in values])).phase


@settings(max_examples=200, deadline=None)
@given(closes)
def test_the_phase_is_the_one_of_its_definition(values: list[Decimal]) -> None:
    def average(days: int, ending: int) -> Decimal:
        return sum(values[ending - days + 1 : ending + 1], Decimal(0)) / days

    now, last = LONG, LONG - 1
    slope = sum((average(days, now) - average(days, last) for days in (50, 200)), Decimal(0))
    above = average(50, now) > average(200, now)
    wanted = {(True, True): "markup", (True, False): "distribution", (False, True): "accumulation", (False, False): "markdown"}
    assert standing(DAY, BEFORE, of(values)).phase == wanted[above, slope > 0]
