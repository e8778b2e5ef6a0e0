"""Prices and sizes: exact decimals of at most 18 + 18 digits; sums are exact, quotients are made once, at read."""

import decimal
from decimal import Decimal
from functools import lru_cache

from shared.errors import Reason, Rejected

# Sums and products of values of 36 digits stay exact far beyond any day's trading; if they ever did not, this raises.
EXACT = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
_ROUNDED = decimal.Context(prec=200, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.InvalidOperation, decimal.DivisionByZero])
_CUT = decimal.Context(prec=60, rounding=decimal.ROUND_DOWN, traps=[decimal.InvalidOperation, decimal.Overflow])
_PLACES = Decimal("1e-12")
ZERO = Decimal(0)


@lru_cache(maxsize=65536)
def amount(text: str) -> Decimal:
    """The decimal that `text` spells; raises `ValueError` unless it is finite and within 18 + 18 digits."""
    if len(text) > 64:
        raise ValueError("has more than 64 characters")
    if "_" in text or not text.isascii():  # Decimal takes 1_000 and other scripts' digits
        raise ValueError("is not a number")
    try:
        value = Decimal(text)
    except decimal.InvalidOperation:
        raise ValueError("is not a number") from None
    if not value.is_finite():
        raise ValueError("is not finite")
    if not value:
        return ZERO  # neither -0 nor 0E+999999, which no column holds
    exponent = value.as_tuple().exponent
    if value.adjusted() >= 18 or not isinstance(exponent, int) or exponent < -18:
        raise ValueError("has more than 18 digits before or after the point")
    return value


@lru_cache(maxsize=65536)
def positive(text: str) -> Decimal:
    """An `amount` above zero; raises `ValueError`."""
    value = amount(text)
    if value <= 0:
        raise ValueError("is not above zero")
    return value


@lru_cache(maxsize=65536)
def not_negative(text: str) -> Decimal:
    """An `amount` of zero or more; raises `ValueError`."""
    value = amount(text)
    if value < 0:
        raise ValueError("is negative")
    return value


def price(text: str, field: str) -> Decimal:
    """A price above zero, or `Rejected("bad_price")` naming `field` and its value."""
    return _checked(text, field, "bad_price")


def size(text: str, field: str) -> Decimal:
    """A traded size above zero, or `Rejected("bad_size")` naming `field` and its value."""
    return _checked(text, field, "bad_size")


def quote_size(text: str | None, field: str) -> Decimal | None:
    """A quoted size of zero or more, None where there is none, or `Rejected("bad_size")`."""
    try:
        return None if text is None else not_negative(text)
    except ValueError as fault:
        raise Rejected("bad_size", f"{field} {str(text)[:80]!r} {fault}") from None


def figure(given: Decimal | str | None, field: str) -> Decimal | None:
    """Any amount, below zero too; None where there is none, or `Rejected("malformed")` naming `field` and its value."""
    try:
        return None if given is None else amount(str(given))
    except ValueError as fault:
        raise Rejected("malformed", f"{field} {str(given)[:80]!r} {fault}") from None


def _checked(text: str, field: str, reason: Reason) -> Decimal:
    try:
        return positive(text)
    except ValueError as fault:
        raise Rejected(reason, f"{field} {text[:80]!r} {fault}") from None


def cut(value: Decimal, factor: Decimal) -> int:
    """The whole part of value * factor, for products of at most 60 digits before the point."""
    return int(_CUT.multiply(value, factor))


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """numerator / denominator, rounded half-even to 12 places; None on a zero denominator. The one place that divides."""
    if not denominator:
        return None
    return _ROUNDED.divide(numerator, denominator).quantize(_PLACES, context=_ROUNDED)
