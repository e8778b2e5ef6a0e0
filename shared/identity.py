"""The identity of facts: the venue's own id where there is one, otherwise a hash of the values, so that the same fact twice is one fact."""

from decimal import Decimal
from hashlib import blake2b

from shared.money import EXACT


def fact_id(source: str, symbol: str, event_time: int, values: tuple[Decimal | str | None, ...], n: int) -> str:
    """32 hex digits over the normalised values (1.0 and 1.00 are the same); `n` tells identical items of one record apart."""
    parts = [source, symbol, str(event_time), str(n), *(normal(value) for value in values)]
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def normal(value: Decimal | str | None) -> str:
    """A value's one spelling, whatever digits it was written with."""
    if isinstance(value, Decimal):
        return f"{EXACT.normalize(value):f}"
    return "" if value is None else value
