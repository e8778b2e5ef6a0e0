"""What a proof says of one thing."""

from typing import NamedTuple


class Finding(NamedTuple):
    """Something that does not balance, or, where it is `no_fault`, that should be known."""

    what: str
    said: str
    no_fault: bool = False
