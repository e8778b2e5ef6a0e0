"""Intervals: every whole number of minutes up to a day has one name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api import intervals
from shared.time import DAY, HOUR, MINUTE


@given(st.integers(1, 1440))
def test_every_multiple_of_a_minute_up_to_a_day_is_an_interval(minutes: int) -> None:
    assert intervals.width(f"{minutes}m") == minutes * MINUTE
    assert intervals.width(intervals.name(minutes * MINUTE)) == minutes * MINUTE


@pytest.mark.parametrize(
    ("text", "name"), [("1m", "1m"), ("7m", "7m"), ("90m", "90m"), ("60m", "1h"), ("4h", "4h"), ("24h", "1d"), ("1440m", "1d")]
)
def test_the_shortest_spelling_is_the_name(text: str, name: str) -> None:
    assert intervals.name(intervals.width(text)) == name


@pytest.mark.parametrize(
    "text", ["", "m", "0m", "01m", "-1m", "1.5h", "1441m", "25h", "2d", "30s", "1w", "1M", "1 m", "1m\n", "²m", "99999m"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="whole number of minutes"):
        intervals.width(text)


@pytest.mark.parametrize(("us", "start"), [(0, 0), (1, HOUR), (HOUR, HOUR), (DAY - 1, DAY)])
def test_the_ceiling_is_the_first_start_at_or_after(us: int, start: int) -> None:
    assert intervals.ceiling(us, HOUR) == start
