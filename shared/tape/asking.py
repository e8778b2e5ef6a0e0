"""What is asked of a venue's history."""

from typing import NamedTuple


class Wanted(NamedTuple):
    """Trades with ids [first, last] of a symbol, by the venue's name and channel of it; none was executed before `after` us."""

    native: str
    channel: str
    first: int
    last: int
    after: int


class Asked(NamedTuple):
    """An address, and what it weighs in the venue's budget."""

    url: str
    weight: int = 1
