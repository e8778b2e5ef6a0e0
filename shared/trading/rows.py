"""A row of orders, trades or quotes as an event without its envelope; what cannot be used is `Rejected`. Pure.

order_id,symbol,side,quantity,limit_price,timestamp,destination,file=orders,zone=UTC
O-1001,AAPL,buy,500,190.25,2026-01-05T14:30:00.120000Z,XNAS
"""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.csv_row import fields
from shared.errors import Rejected
from shared.events import NOWHERE, Action, Execution, Nbbo, Order, Origin
from shared.storable import LINE
from shared.trading import columns, values
from shared.trading.columns import Layout

Envelope = tuple[int, Origin, str | None]  # receive time in us, origin, run
Make = Callable[[Layout, Sequence[str], tzinfo, Envelope], Order | Execution | Nbbo]


def parse(payload: bytes, envelope: Envelope = (0, NOWHERE, None)) -> tuple[Layout, Order | Execution | Nbbo]:
    """The event of a canonical header and a row, with its envelope; raises `Rejected`."""
    try:
        header, _, line = payload.decode().partition("\n")
    except UnicodeDecodeError as fault:
        raise Rejected("bad_encoding", f"byte {payload[fault.start]:#04x} at {fault.start} of the row is not UTF-8") from None
    found, zone = layout(header)
    row = fields(line)
    if len(row) != found.width:
        raise Rejected("bad_row", f"the row has {len(row)} fields, the header {found.width}")
    return found, EVENTS[found.file](found, row, zone, envelope)


def layout(header: str) -> tuple[Layout, tzinfo]:
    """The layout and the zone that a canonical header tells; raises `Rejected`."""
    if len(header) > LINE:
        raise Rejected("bad_row", f"the header {header[:120]!r}… has more than {LINE} characters")
    return _layout(header)


@lru_cache(maxsize=64)
def _layout(header: str) -> tuple[Layout, tzinfo]:
    try:
        found = columns.layout(header)
        return found, ZoneInfo(found.zone)
    except (ValueError, KeyError, OSError) as fault:  # a zone that is none is any of them
        raise Rejected("bad_row", f"the header {header[:120]!r}: {fault}") from None


def _order(found: Layout, row: Sequence[str], zone: tzinfo, envelope: Envelope) -> Order:
    order_id, symbol, side, quantity, limit, timestamp, destination = map(str.strip, found.pick(row))
    at = values.time(timestamp, "timestamp", zone)
    action, when = _action(found, row, zone, at)
    return Order(
        values.name(order_id, "order_id"),
        values.symbol(symbol),
        values.side(side),
        values.number(quantity, "quantity", "bad_size"),
        values.number(limit, "limit_price", "bad_price") if limit else None,
        at,
        values.place(destination),
        action,
        when,
        *envelope,
    )


def _execution(found: Layout, row: Sequence[str], zone: tzinfo, envelope: Envelope) -> Execution:
    trade_id, order_id, symbol, side, quantity, price, timestamp, destination = map(str.strip, found.pick(row))
    at = values.time(timestamp, "exec_timestamp", zone)
    action, when = _action(found, row, zone, at)
    return Execution(
        values.name(trade_id, "trade_id"),
        values.name(order_id, "order_id"),
        values.symbol(symbol),
        values.side(side),
        values.number(quantity, "exec_quantity", "bad_size"),
        values.number(price, "exec_price", "bad_price"),
        at,
        values.place(destination),
        action,
        when,
        *envelope,
    )


def _nbbo(found: Layout, row: Sequence[str], zone: tzinfo, envelope: Envelope) -> Nbbo:
    symbol, bid, ask, timestamp = map(str.strip, found.pick(row))
    if found.action >= 0:
        values.no_action(row[found.action].strip())
    return Nbbo(
        values.symbol(symbol),
        values.number(bid, "bid", "bad_price"),
        values.number(ask, "ask", "bad_price"),
        values.time(timestamp, "timestamp", zone),
        *envelope,
    )


EVENTS: dict[columns.File, Make] = {
    "orders": _order,
    "trades": _execution,
    "nbbo": _nbbo,
}


def _action(found: Layout, row: Sequence[str], zone: tzinfo, event_time: int) -> tuple[Action, int]:
    """What the row does to its id, and when: the event's own time where it does not say."""
    action = values.action(row[found.action].strip()) if found.action >= 0 else "new"
    when = row[found.action_time].strip() if found.action_time >= 0 else ""
    return action, values.time(when, "action_timestamp", zone) if when else event_time
