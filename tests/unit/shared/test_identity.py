"""The same fact has the same id wherever it comes from; different facts have different ones."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.identity import fact_id

PRICE, SIZE = Decimal("39432.48"), Decimal("0.5")
GIVEN = ("binance", "BTC-USDT", 1_610_064_000_278_000, (PRICE, SIZE, "buy"), 0)


def test_spelling_does_not_change_a_fact() -> None:
    again = (Decimal("39432.4800"), Decimal("5E-1"), "buy")
    assert fact_id(*GIVEN[:3], again, 0) == fact_id(*GIVEN)
    assert fact_id("s", "X", 1, (Decimal(100),), 0) == fact_id("s", "X", 1, (Decimal("1E+2"),), 0)


@pytest.mark.parametrize(
    "other",
    [
        ("coinbase", *GIVEN[1:]),
        ("binance", "BTC-USD", *GIVEN[2:]),
        (*GIVEN[:2], GIVEN[2] + 1, *GIVEN[3:]),
        (*GIVEN[:4], 1),
        (*GIVEN[:3], (PRICE, SIZE, "sell"), 0),
        (*GIVEN[:3], (PRICE, SIZE, None), 0),
        (*GIVEN[:3], (SIZE, PRICE, "buy"), 0),
        (*GIVEN[:3], (PRICE + Decimal("1e-18"), SIZE, "buy"), 0),
    ],
)
def test_whatever_differs_makes_another_fact(other: tuple[str, str, int, tuple[Decimal | str | None, ...], int]) -> None:
    assert fact_id(*other) != fact_id(*GIVEN)


def test_all_36_digits_count() -> None:
    """The default decimal context has 28: values that differ beyond them must not become one fact."""
    one, other = Decimal("123456789012345678.123456789012345671"), Decimal("123456789012345678.123456789012345672")
    assert fact_id("s", "X", 1, (one,), 0) != fact_id("s", "X", 1, (other,), 0)


def test_an_id_is_the_same_in_every_process_and_version() -> None:
    assert fact_id(*GIVEN) == "91b56d9bfdab1096797a3d7957383185"
