"""Numbers leave with the digits they have, never with an exponent, never through a float."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api import answers


@pytest.mark.parametrize(
    "text", ["0.00000637", "0.000000000000000001", "0.000000000000000000", "39550.00", "999999999999999999.999999999999999999", "0"]
)
def test_a_number_is_written_as_it_is_stored(text: str) -> None:
    assert bytes(answers.number(Decimal(text))) == text.encode()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18))
def test_a_number_is_plain_json_with_every_digit(value: Decimal) -> None:
    written = bytes(answers.number(value)).decode()
    assert "e" not in written.lower()
    assert Decimal(written).as_tuple() == value.as_tuple()
    assert json.loads(written, parse_float=Decimal, parse_int=Decimal) == value


def test_a_page_is_its_results_and_the_way_on() -> None:
    row = answers.Symbol("BTC-USD", "coinbase", "trade", "BTC-USD", answers.iso(0))
    assert answers.page([row], "/symbols?cursor=x") == (
        b'{"results":[{"symbol":"BTC-USD","source":"coinbase","kind":"trade","native_symbol":"BTC-USD",'
        b'"last_event_time":"1970-01-01T00:00:00Z"}],"next_url":"/symbols?cursor=x"}'
    )
    assert answers.page([], None) == b'{"results":[],"next_url":null}'
