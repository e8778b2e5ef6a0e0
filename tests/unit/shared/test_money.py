"""Prices and sizes are exact; what a NUMERIC column or a JSON number could not hold is rejected at the door."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import money
from shared.errors import Rejected

GREATEST = "9" * 18 + "." + "9" * 18


@pytest.mark.parametrize("text", ["39432.48", "0.000000000000000001", GREATEST, "1e17", "1E-18", "100", "00012.50", "+3", ".5", "5."])
def test_amounts_within_18_and_18_digits_are_kept_exactly(text: str) -> None:
    value = money.positive(text)
    assert Fraction(value) == Fraction(text)
    assert value.is_finite()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "not finite"),
        ("sNaN", "not finite"),
        ("-nan", "not finite"),
        ("Infinity", "not finite"),
        ("-inf", "not finite"),
        ("1e999", "18 digits"),
        ("1e18", "18 digits"),
        ("1" + "0" * 18, "18 digits"),
        ("1e-19", "18 digits"),
        ("0." + "0" * 18 + "1", "18 digits"),
        ("1e999999999999999999999", "not a number"),
        ("", "not a number"),
        ("abc", "not a number"),
        ("1,5", "not a number"),
        ("0x10", "not a number"),
        ("1\x00", "not a number"),
        ("1_000", "not a number"),
        ("١٢", "not a number"),
        ("--1", "not a number"),
        ("1" * 65, "64 characters"),
    ],
)
def test_what_is_no_amount_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        money.amount(text)


@pytest.mark.parametrize("text", ["0", "-0", "0.000", "-0.0", "0e999999", "0e-999999"])
def test_every_zero_is_the_same_zero(text: str) -> None:
    """`-0` and `0E+999999` are equal to 0, but no hash and no column takes them for it."""
    value = money.not_negative(text)
    assert (str(value), value.as_tuple()) == ("0", Decimal(0).as_tuple())


@pytest.mark.parametrize("text", ["0", "-0", "-1", "0e5"])
def test_a_price_is_above_zero(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        money.price(text, "p")
    assert caught.value == Rejected("bad_price", f"p {text!r} is not above zero")


def test_a_traded_size_of_zero_is_rejected_and_a_quoted_one_is_not() -> None:
    with pytest.raises(Rejected, match="q '0' is not above zero") as caught:
        money.size("0", "q")
    assert caught.value.reason == "bad_size"
    assert money.quote_size("0", "B") == 0
    assert money.quote_size(None, "B") is None
    with pytest.raises(Rejected, match="B '-1' is negative") as caught:
        money.quote_size("-1", "B")
    assert caught.value.reason == "bad_size"


def test_a_message_holds_no_more_than_a_part_of_a_huge_value() -> None:
    with pytest.raises(Rejected) as caught:
        money.price("9" * 10_000_000, "p")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [
        ("1", "3", "0.333333333333"),
        ("2", "3", "0.666666666667"),
        ("0.0000000000005", "1", "0"),  # half, to the even 0
        ("0.0000000000015", "1", "0.000000000002"),  # half, to the even 2
        ("0.0000000000025", "1", "0.000000000002"),  # half, to the even 2
        ("0.00000000000250000001", "1", "0.000000000003"),
        ("3438698.18943282", "87.071596", "39492.766268265256"),
        ("999999999999999999999999999999999999", "0.000000000000000001", "999999999999999999999999999999999999000000000000000000"),
    ],
)
def test_quotients_are_rounded_once_half_even_to_12_places(numerator: str, denominator: str, quotient: str) -> None:
    found = money.quotient(Decimal(numerator), Decimal(denominator))
    assert found is not None
    assert found == Decimal(quotient)
    assert found.as_tuple().exponent == -12


def test_a_zero_denominator_gives_no_quotient() -> None:
    assert money.quotient(Decimal(5), Decimal(0)) is None


amounts = st.decimals(min_value="0.000000000000000001", max_value=GREATEST, places=18)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(amounts, amounts), max_size=20))
def test_sums_of_products_never_round(pairs: list[tuple[Decimal, Decimal]]) -> None:
    total = money.ZERO
    for price, size in pairs:
        total = money.EXACT.fma(price, size, total)
    assert Fraction(total) == sum((Fraction(price) * Fraction(size) for price, size in pairs), Fraction(0))


def test_a_sum_that_would_round_raises_instead() -> None:
    with pytest.raises(decimal.Inexact):
        money.EXACT.add(Decimal("1e90"), Decimal("1e-18"))


@settings(max_examples=80, deadline=None)
@given(amounts, amounts)
def test_a_quotient_is_the_nearest_of_its_grid(numerator: Decimal, denominator: Decimal) -> None:
    found = money.quotient(numerator, denominator)
    assert found is not None
    exact, grid = Fraction(numerator) / Fraction(denominator), Fraction(1, 10**12)
    assert Fraction(found) == round(exact / grid) * grid  # Fraction rounds half to even


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=70))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    try:
        value = money.amount(text)
    except ValueError:
        return
    assert value.is_finite()
    assert abs(value) < 10**18
    assert Fraction(value) * 10**18 % 1 == 0
