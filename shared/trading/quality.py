"""What executions are worth against the quotes they met. Money is exact; quotients are made at read, rounded half-even to 12 places. Pure.

D is +1 for a buy, -1 for a sell; mid = (bid + ask) / 2. Formulas: docs/execution-quality.md.
"""

from decimal import Decimal

from shared.events import Side
from shared.money import EXACT, ZERO, quotient


def improvement(side: Side, price: Decimal, bid: Decimal, ask: Decimal) -> Decimal:
    """Price improvement per share: what a buy paid below the ask, or a sell got above the bid; never negative."""
    return max(ZERO, EXACT.subtract(ask, price) if side == "buy" else EXACT.subtract(price, bid))


def vwap(notional: Decimal, filled: Decimal) -> Decimal | None:
    """The average price of the shares; None without any."""
    return quotient(notional, filled)


def fill_rate(quantity: Decimal, filled: Decimal) -> Decimal:
    """The part of the order that was filled."""
    return quotient(filled, quantity) or ZERO


def spread(bid: Decimal, ask: Decimal) -> Decimal:
    """The quoted spread; negative where the market is crossed."""
    return EXACT.subtract(ask, bid)


def effective(side: Side, price: Decimal, twice_mid: Decimal) -> Decimal:
    """2·D·(price - mid): the effective spread against the mid at execution, the realized one against a later mid."""
    distance = EXACT.subtract(EXACT.multiply(Decimal(2), price), twice_mid)
    return distance if side == "buy" else EXACT.minus(distance)
