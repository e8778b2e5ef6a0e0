"""What is to be known of a fill or an order beside its numbers. A flag never takes a fill out of a sum. Pure."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

STALE = timedelta(seconds=60)  # a quote older than this at execution


class FillFacts(NamedTuple):
    """A fill, its quote and its order, as far as they are known; `order_end` is when the order was cancelled."""

    symbol: str
    side: str
    event_time: datetime
    quote_time: datetime | None
    bid: Decimal | None
    ask: Decimal | None
    order_symbol: str | None
    order_side: str | None
    order_time: datetime | None
    order_end: datetime | None


def of_fill(fill: FillFacts) -> list[str]:
    """unpriced | stale, locked | crossed, orphan | symbol_mismatch, side_mismatch, outside_life."""
    found: list[str] = []
    if fill.quote_time is None or fill.bid is None or fill.ask is None:
        found.append("unpriced")
    else:
        if fill.event_time - fill.quote_time > STALE:
            found.append("stale")
        if fill.bid >= fill.ask:
            found.append("locked" if fill.bid == fill.ask else "crossed")
    if fill.order_symbol is None or fill.order_time is None:
        return [*found, "orphan"]
    if fill.symbol != fill.order_symbol:
        found.append("symbol_mismatch")
    if fill.side != fill.order_side:
        found.append("side_mismatch")
    if fill.event_time < fill.order_time or (fill.order_end is not None and fill.event_time > fill.order_end):
        found.append("outside_life")
    return found


def of_order(quantity: Decimal, filled: Decimal, unpriced: int, mismatched: int, *, cancelled: bool) -> list[str]:
    """cancelled, over_filled, unpriced (a fill is), mismatch (a fill is of another symbol or side)."""
    told = {"cancelled": cancelled, "over_filled": filled > quantity, "unpriced": unpriced > 0, "mismatch": mismatched > 0}
    return [name for name, holds in told.items() if holds]
