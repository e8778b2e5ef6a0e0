"""The rows of a page of past trades, taken apart: one row of another shape is rejected by itself, not with its page. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from shared.errors import Rejected
from shared.frames import FAULTS, rejected

Row = TypeVar("Row")
Made = TypeVar("Made")


def each(
    what: str,
    native: str,
    raws: Iterable[msgspec.Raw],
    decode: Callable[[msgspec.Raw], Row],
    read: Callable[[Row], Made | Rejected],
    number: Callable[[msgspec.Raw], int | None],
) -> Sequence[Made | Rejected]:
    """What `read` makes of each row, or its rejection, which names the trade where `number` can read its id.

    Raises `Rejected` for rows of which none is known: that is no page of trades.
    """
    found = [_one(what, native, raw, decode, read, number) for raw in raws]
    unknown = [value for value in found if isinstance(value, Rejected) and value.trade is None]
    if unknown and len(unknown) == len(found):
        raise unknown[0]
    return found


def _one(
    what: str,
    native: str,
    raw: msgspec.Raw,
    decode: Callable[[msgspec.Raw], Row],
    read: Callable[[Row], Made | Rejected],
    number: Callable[[msgspec.Raw], int | None],
) -> Made | Rejected:
    try:
        row = decode(raw)
    except FAULTS as fault:
        found = rejected(what, fault)
        try:
            trade_id = number(raw)
        except FAULTS:
            return found
        return found if trade_id is None else found.of_trade(native, trade_id)
    return read(row)
