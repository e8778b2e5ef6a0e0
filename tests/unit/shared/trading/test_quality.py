"""The figures and flags of executions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.events import Side
from shared.trading import flags, quality
from shared.trading.flags import FillFacts

D = Decimal
AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
GOOD = FillFacts("KO", "buy", AT, AT, D(1), D(2), "KO", "buy", AT, None)


@pytest.mark.parametrize(
    ("side", "price", "improved", "effective"),
    [("buy", "10.01", "0.01", "0.00"), ("buy", "10.03", "0", "0.04"), ("sell", "10.01", "0.01", "0.00"), ("sell", "9.99", "0", "0.04")],
)
def test_improvement_is_never_negative_and_the_effective_spread_has_a_sign(side: Side, price: str, improved: str, effective: str) -> None:
    assert quality.improvement(side, D(price), D("10.00"), D("10.02")) == D(improved)
    assert quality.effective(side, D(price), D("20.02")) == D(effective)


def test_a_fill_of_a_known_order_at_a_fresh_quote_has_no_flags() -> None:
    assert flags.of_fill(GOOD) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"quote_time": None, "bid": None, "ask": None}, ["unpriced"]),
        ({"quote_time": AT - timedelta(seconds=60)}, []),
        ({"quote_time": AT - timedelta(seconds=61)}, ["stale"]),
        ({"bid": D(2)}, ["locked"]),
        ({"bid": D(3)}, ["crossed"]),
        ({"order_symbol": None, "order_side": None, "order_time": None}, ["orphan"]),
        ({"order_symbol": "F", "order_side": "sell"}, ["symbol_mismatch", "side_mismatch"]),
        ({"order_time": AT + timedelta(seconds=1)}, ["outside_life"]),
        ({"order_end": AT - timedelta(seconds=1)}, ["outside_life"]),
        ({"order_end": AT}, []),
    ],
)
def test_a_flag_says_what_is_to_be_known(change: dict[str, object], found: list[str]) -> None:
    assert flags.of_fill(GOOD._replace(**change)) == found  # type: ignore[arg-type]


def test_an_order_is_over_filled_beyond_its_quantity_only() -> None:
    assert flags.of_order(D(100), D(100), 0, 0, cancelled=False) == []
    assert flags.of_order(D(100), D(101), 1, 1, cancelled=True) == ["cancelled", "over_filled", "unpriced", "mismatch"]


def test_the_spread_of_a_sale_keeps_all_its_digits() -> None:
    price, twice_mid = Decimal("12345678901.123456789012345678"), Decimal("24691357802.246913578024691350")
    bought = quality.effective("buy", price, twice_mid)
    large = quality.effective("sell", Decimal("92345678901.123456789012345678"), Decimal(2))
    assert quality.effective("sell", price, twice_mid) == bought.copy_negate()
    assert large == Decimal("-184691357800.246913578024691356")
