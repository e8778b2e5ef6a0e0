"""Days and instants of the New York stock exchange."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import exchange
from shared.time import DAY, HOUR, from_iso

days = st.dates(date(1971, 1, 2), date(2060, 12, 31))


@pytest.mark.parametrize(
    ("day", "session"),
    [
        ("2024-11-27", "regular"),
        ("2024-11-28", "holiday"),  # Thanksgiving
        ("2024-11-29", "early_close"),
        ("2025-01-09", "holiday"),  # a national day of mourning
        ("2025-03-01", "holiday"),  # a Saturday
        ("2001-09-11", "holiday"),
        ("2012-10-29", "holiday"),  # a hurricane
        ("2024-07-03", "early_close"),
        ("2024-12-24", "early_close"),
    ],
)
def test_a_day_is_a_session_an_early_close_or_none(day: str, session: str) -> None:
    assert exchange.session(date.fromisoformat(day)) == session


@pytest.mark.parametrize(
    ("day", "start"),
    [
        ("2024-03-09", "2024-03-09T05:00:00Z"),
        ("2024-03-10", "2024-03-10T05:00:00Z"),  # clocks go forward that night: the day has 23 hours
        ("2024-03-11", "2024-03-11T04:00:00Z"),
        ("2024-11-03", "2024-11-03T04:00:00Z"),  # and back: 25
        ("2024-11-04", "2024-11-04T05:00:00Z"),
    ],
)
def test_a_day_starts_at_midnight_in_new_york(day: str, start: str) -> None:
    assert exchange.start_of(date.fromisoformat(day)) == from_iso(start)


def test_a_session_has_hours_and_a_short_one_fewer() -> None:
    assert exchange.hours(date(2024, 11, 27)) == (from_iso("2024-11-27T14:30:00Z"), from_iso("2024-11-27T21:00:00Z"))
    assert exchange.hours(date(2024, 11, 29)) == (from_iso("2024-11-29T14:30:00Z"), from_iso("2024-11-29T18:00:00Z"))
    assert exchange.hours(date(2024, 7, 3)) == (from_iso("2024-07-03T13:30:00Z"), from_iso("2024-07-03T17:00:00Z"))
    assert exchange.hours(date(2025, 1, 9)) is None


@given(days)
def test_every_instant_of_a_day_is_of_that_day(day: date) -> None:
    start, end = exchange.start_of(day), exchange.start_of(day + timedelta(days=1))
    assert (exchange.day_of(start), exchange.day_of(end - 1), exchange.day_of(start - 1)) == (day, day, day - timedelta(days=1))
    assert end - start in (DAY, DAY - HOUR, DAY + HOUR)


@given(days, st.integers(0, 60))
def test_the_sessions_before_a_day_are_the_last_ones_and_none_is_left_out(day: date, count: int) -> None:
    before = exchange.sessions_before(day, count)
    assert len(before) <= count
    assert before == (exchange.sessions(before[0], day - timedelta(days=1)) if before else [])
    assert all(exchange.session(found) != "holiday" for found in before)
