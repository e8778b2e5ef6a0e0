"""What a query string says, and how a bad one is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api import parameters
from services.api.parameters import KINDS, Given
from services.api.problems import Invalid
from shared.time import MINUTE, SECOND

NEW_YEAR = 1_609_459_200 * SECOND
NAMES = frozenset({"symbol", "source", "kind", "from", "to", "interval", "limit", "cursor"})


def asked(query: str) -> Given:
    return Given("/x", query.encode(), NAMES, {})


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2021-01-01T00:00:00Z", NEW_YEAR),
        ("2021-01-01", NEW_YEAR),
        ("2021-01-01T00:00:00", NEW_YEAR),
        ("2021-01-01 00:00", NEW_YEAR),
        ("2021-01-01T02:00:00+02:00", NEW_YEAR),
        ("2021-01-01T02:00:00 02:00", NEW_YEAR),
        ("2020-12-31T19:00:00-05:00", NEW_YEAR),
        ("2021-01-01T00:00:00.000001Z", NEW_YEAR + 1),
        ("1609459200000", NEW_YEAR),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times_are_read_as_utc_iso_8601_or_unix_milliseconds(text: str, us: int) -> None:
    assert parameters.moment("from", text) == us


@given(st.text(max_size=40) | st.from_regex(r"[0-9T:.+\- Z]{1,40}", fullmatch=True))
def test_any_text_is_a_time_within_range_or_a_named_fault(text: str) -> None:
    try:
        assert 0 <= parameters.moment("from", text) < 253_402_300_800 * SECOND
    except Invalid as fault:
        told = fault.parameter
        assert told == "from"


@given(st.binary(max_size=80))
def test_any_query_is_read_or_refused_with_a_name(query: bytes) -> None:
    try:
        found = Given("/x", query, NAMES, {})
        found.symbol(), found.text("source"), found.choice("kind", KINDS), parameters.span(found)
        assert found.interval("interval", MINUTE) % MINUTE == 0
        assert 1 <= found.limit(50) <= 50
    except Invalid as fault:
        told = fault.parameter
        assert told


def test_values_are_canonical() -> None:
    found = asked("symbol=btc%2Fusdt&source=binance-sim&kind=quote&interval=4h&limit=7&from=2021-01-01&to=2021-01-01")
    assert found.symbol() == "BTC-USDT"
    assert found.text("source") == "binance-sim"
    assert found.choice("kind", KINDS) == "quote"
    assert found.interval("interval", MINUTE) == 240 * MINUTE
    assert found.limit(5000) == 7
    assert parameters.span(found) == (NEW_YEAR, NEW_YEAR)


def test_what_is_not_given_is_none_or_the_default() -> None:
    found = asked("")
    assert (found.symbol(), found.text("source"), found.choice("kind", KINDS), parameters.span(found)) == (None, None, None, (None, None))
    assert (found.interval("interval", MINUTE), found.limit(5000), found.limit(50)) == (MINUTE, 100, 50)
