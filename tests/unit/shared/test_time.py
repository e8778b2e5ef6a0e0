"""Times are microseconds UTC; what cannot be told apart safely is rejected with the field, the value and the likely unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.time import DAY, LATEST, MINUTE, SECOND, floor, from_datetime, from_iso, from_ms, from_number, to_datetime, to_iso

MIDNIGHT = 1_610_064_000 * SECOND  # 2021-01-08T00:00:00Z
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2021-01-08T00:00:00Z", MIDNIGHT),
        ("2021-01-08 00:00:00", MIDNIGHT),
        ("2021-01-08T00:00:00.278Z", MIDNIGHT + 278_000),
        ("2021-01-08T00:00:00.000001Z", MIDNIGHT + 1),
        ("2021-01-08T05:30:00+05:30", MIDNIGHT),
        ("2021-01-07T19:00:00-05:00", MIDNIGHT),
        ("2013-01-01 22:00:00.295000+00:00", 1_357_077_600_295_000),
        ("2021-01-08T00:00:00.123456789Z", MIDNIGHT + 123_456),
        ("2021-01-08T00:00:00.9999999Z", MIDNIGHT + 999_999),
        ("2021-01-08", MIDNIGHT),
        ("9999-12-31T23:59:59.999998Z", LATEST - 1),
    ],
)
def test_iso_timestamps_are_read_to_the_microsecond_and_cut_beyond(text: str, us: int) -> None:
    assert from_iso(text) == us


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2021-01-08 12:00:00", "2021-01-08T17:00:00Z"),  # winter
        ("2021-07-08 12:00:00", "2021-07-08T16:00:00Z"),  # summer
        ("2021-03-14 01:59:59", "2021-03-14T06:59:59Z"),  # the last second before the clocks go forward
        ("2021-03-14 03:00:00", "2021-03-14T07:00:00Z"),  # the next one
        ("2021-11-07 01:30:00", "2021-11-07T05:30:00Z"),  # it happens twice: the first is taken
        ("2021-11-07 02:00:00", "2021-11-07T07:00:00Z"),
    ],
)
def test_naive_timestamps_are_read_in_the_zone_of_the_request(text: str, utc: str) -> None:
    assert to_iso(from_iso(text, NEW_YORK)) == utc


def test_an_offset_of_its_own_outweighs_the_zone() -> None:
    assert from_iso("2021-07-08T12:00:00Z", NEW_YORK) == from_iso("2021-07-08T12:00:00Z")


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2021-13-01T00:00:00Z", "2021-01-08T25:00:00Z", "2021-01-08T00:00:00\x00", "0001-01-01T00:00:00+23:59", "-1"]
)
def test_what_is_no_timestamp_is_rejected_with_its_text(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        from_iso(text)
    assert caught.value.reason == "bad_timestamp"
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "1970-06-01T00:00:00Z"])
def test_an_iso_timestamp_before_1971_is_rejected(text: str) -> None:
    with pytest.raises(Rejected, match="is too small") as caught:
        from_iso(text)
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1610064000", MIDNIGHT),
        ("1610064000.278", MIDNIGHT + 278_000),
        ("1610064000.1234567", MIDNIGHT + 123_456),
        ("1610064000.", MIDNIGHT),
        ("999999999", 999_999_999 * SECOND),  # 2001
        ("1610064000278", MIDNIGHT + 278_000),
        ("1610064000278.5", MIDNIGHT + 278_500),
        ("1610064000278901", MIDNIGHT + 278_901),
        ("1610064000278901234", MIDNIGHT + 278_901),
    ],
)
def test_the_digits_of_a_unix_time_tell_its_unit(text: str, us: int) -> None:
    assert from_number(text, "time") == us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "16100640",
        "16100640002",
        "16100640002789",
        "16100640002789012",
        "1" * 20,
        "1" * 5000,
        "-1610064000",
        "+1610064000",
        "1e9",
        "1610064000.x",
        "1610064000.1.2",
        "nan",
        "١٦١٠٠٦٤٠٠٠",
        "1610064000\x00",
        "²²²²²²²²²²",
    ],
)
def test_a_number_that_is_no_unix_time_is_rejected_with_field_and_value(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        from_number(text, "time")
    assert caught.value.reason == "bad_timestamp"
    assert caught.value.message.startswith(f"time {text[:80]!r} ")


def test_seconds_in_a_field_of_milliseconds_are_rejected_as_such() -> None:
    assert from_ms(1_610_064_000_278, "T") == MIDNIGHT + 278_000
    with pytest.raises(Rejected) as caught:
        from_ms(1_610_064_000, "T")
    assert (caught.value.reason, caught.value.message) == ("bad_timestamp", "T 1610064000 is too small: seconds where milliseconds belong?")


@pytest.mark.parametrize("ms", [1_610_064_000_278_000, 2**70])
def test_microseconds_in_a_field_of_milliseconds_are_rejected_as_such(ms: int) -> None:
    with pytest.raises(Rejected, match=f"T {ms} is too large: microseconds where milliseconds belong"):
        from_ms(ms, "T")


@pytest.mark.parametrize("ms", [0, -1, -1_610_064_000_278])
def test_a_time_before_1971_is_rejected(ms: int) -> None:
    with pytest.raises(Rejected, match=f"T {ms} is too small"):
        from_ms(ms, "T")


def test_edges_write_iso_with_z_and_a_fraction_only_where_there_is_one() -> None:
    assert to_iso(MIDNIGHT) == "2021-01-08T00:00:00Z"
    assert to_iso(MIDNIGHT + 278_000) == "2021-01-08T00:00:00.278000Z"


def test_windows_begin_at_multiples_of_their_width() -> None:
    assert floor(MIDNIGHT + 59_999_999, MINUTE) == MIDNIGHT
    assert floor(MIDNIGHT + MINUTE, MINUTE) == MIDNIGHT + MINUTE
    assert floor(MIDNIGHT + 1, DAY) == MIDNIGHT


def test_no_time_is_the_one_that_the_store_takes_for_infinity() -> None:
    assert to_datetime(LATEST - 1) < datetime.max.replace(tzinfo=UTC)


@settings(max_examples=100, deadline=None)
@given(st.integers(365 * DAY, LATEST - 1), st.integers(-14 * 60, 14 * 60))
def test_a_time_survives_every_spelling(us: int, minutes: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    assert to_datetime(us) == at
    assert from_datetime(at) == from_iso(to_iso(us)) == us
    if 367 * DAY < us < LATEST - 2 * DAY:
        assert from_iso(at.astimezone(timezone(timedelta(minutes=minutes))).isoformat()) == us
