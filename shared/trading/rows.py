"""A row of orders, trades or quotes as an event without its envelope; what cannot be used is `Rejected`. Pure.

order_id,symbol,side,quantity,limit_price,timestamp,destination,file=orders,zone=UTC
O-1001,AAPL,buy,500,190.25,2026-01-05T14:30:00.120000Z,XNAS
"""

import csv
from collections.abc import Callable, Sequence
from datetime import tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import get_args
from zoneinfo import ZoneInfo

from shared.errors import Reason, Rejected
from shared.events import NOWHERE, Action, Execution, Nbbo, Order, Origin, Side
from shared.money import positive
from shared.symbols import canonical
from shared.time import from_iso, from_number
from shared.trading import columns
from shared.trading.columns import Layout

ACTIONS: tuple[Action, ...] = get_args(Action)
_SIDES: dict[str, Side] = {"buy": "buy", "b": "buy", "sell": "sell", "s": "sell", "sell_short": "sell", "ss": "sell"}
_LONGEST = 128
Envelope = tuple[int, Origin, str | None]  # receive time in us, origin, run
Make = Callable[[Layout, Sequence[str], tzinfo, Envelope], Order | Execution | Nbbo]
symbol_of = lru_cache(maxsize=8192)(canonical)


def parse(payload: bytes, envelope: Envelope = (0, NOWHERE, None)) -> tuple[Layout, Order | Execution | Nbbo]:
    """The event of a canonical header and a row, with its envelope; raises `Rejected`."""
    try:
        header, _, line = payload.decode().partition("\n")
    except UnicodeDecodeError as fault:
        raise Rejected("bad_encoding", f"byte {payload[fault.start]:#04x} at {fault.start} of the row is not UTF-8") from None
    layout, zone, event = _layout(header)
    row = line.split(",") if '"' not in line else fields(line)
    if len(row) != layout.width:
        raise Rejected("bad_row", f"the row has {len(row)} fields, the header {layout.width}")
    return layout, event(layout, row, zone, envelope)


def fields(line: str) -> list[str]:
    """The fields of a row; raises `Rejected`."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line]), [])
    except csv.Error as fault:
        raise Rejected("bad_row", f"{line[:80]!r}… is no row of CSV: {fault}") from None


def moment(text: str, zone: tzinfo) -> int:
    """A time in us: ISO-8601, read in `zone` where it names none, or Unix time whose unit its digits tell; raises `Rejected`."""
    if len(text) == 27 and text[26] == "Z" and text[16] == ":" and text[19] == "." and text.isascii():
        within = text[17:19] + text[20:26]
        if within.isdigit() and within < "6":
            return _minute(text[:16]) + int(within)
    return from_number(text, "timestamp") if text.isdigit() else from_iso(text, zone)


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """The start of a minute in UTC: most times of a file share theirs with many others."""
    return from_iso(f"{text}:00Z")


@lru_cache(maxsize=256)
def _layout(header: str) -> tuple[Layout, tzinfo, Make]:
    try:
        found = columns.layout(header)
        return found, ZoneInfo(found.zone), EVENTS[found.file]
    except (ValueError, KeyError, OSError) as fault:  # a zone that is none is any of them
        raise Rejected("bad_row", f"the header {header[:120]!r}: {fault}") from None


def _order(layout: Layout, row: Sequence[str], zone: tzinfo, envelope: Envelope) -> Order:
    order_id, symbol, side, quantity, limit, timestamp, destination = map(str.strip, layout.pick(row))
    at = _time(timestamp, "timestamp", zone)
    action, when = _action(layout, row, zone, at)
    return Order(
        _name(order_id, "order_id"),
        symbol_of(symbol or _given(symbol, "symbol")),
        _side(side),
        _number(quantity, "quantity", "bad_size"),
        _number(limit, "limit_price", "bad_price") if limit else None,
        at,
        _place(destination),
        action,
        when,
        *envelope,
    )


def _execution(layout: Layout, row: Sequence[str], zone: tzinfo, envelope: Envelope) -> Execution:
    trade_id, order_id, symbol, side, quantity, price, timestamp, destination = map(str.strip, layout.pick(row))
    at = _time(timestamp, "exec_timestamp", zone)
    action, when = _action(layout, row, zone, at)
    return Execution(
        _name(trade_id, "trade_id"),
        _name(order_id, "order_id"),
        symbol_of(symbol or _given(symbol, "symbol")),
        _side(side),
        _number(quantity, "exec_quantity", "bad_size"),
        _number(price, "exec_price", "bad_price"),
        at,
        _place(destination),
        action,
        when,
        *envelope,
    )


def _nbbo(layout: Layout, row: Sequence[str], zone: tzinfo, envelope: Envelope) -> Nbbo:
    symbol, bid, ask, timestamp = map(str.strip, layout.pick(row))
    if layout.action >= 0 and row[layout.action].strip().lower() not in ("", "new"):
        raise Rejected("bad_row", f"action {row[layout.action][:40]!r}: a quote has no id by which it could be corrected")
    return Nbbo(
        symbol_of(symbol or _given(symbol, "symbol")),
        _number(bid, "bid", "bad_price"),
        _number(ask, "ask", "bad_price"),
        _time(timestamp, "timestamp", zone),
        *envelope,
    )


EVENTS: dict[columns.File, Make] = {
    "orders": _order,
    "trades": _execution,
    "nbbo": _nbbo,
}


def _action(layout: Layout, row: Sequence[str], zone: tzinfo, event_time: int) -> tuple[Action, int]:
    """What the row does to its id, and when: the event's own time where it does not say."""
    given = row[layout.action].strip().lower() if layout.action >= 0 else ""
    if given and given not in ACTIONS:
        raise Rejected("bad_row", f"action {given[:40]!r} is none of {', '.join(ACTIONS)}")
    when = row[layout.action_time].strip() if layout.action_time >= 0 else ""
    return given or "new", _time(when, "action_timestamp", zone) if when else event_time


def _given(text: str, field: str) -> str:
    if not text:
        raise Rejected("missing_field", f"the row has no {field}")
    return text


def _name(text: str, field: str) -> str:
    if len(text or _given(text, field)) > _LONGEST or not text.isprintable():
        raise Rejected("malformed", f"{field} {text[:80]!r} is longer than {_LONGEST} characters or not printable")
    return text


def _place(text: str) -> str:
    if len(text) > _LONGEST or not text.isprintable():
        raise Rejected("malformed", f"destination {text[:80]!r} is longer than {_LONGEST} characters or not printable")
    return text


def _side(text: str) -> Side:
    side = _SIDES.get(text.lower())
    if side is None:
        raise Rejected("bad_side", f"side {_given(text, 'side')[:40]!r} is none of {', '.join(_SIDES)}")
    return side


def _number(text: str, field: str, reason: Reason) -> Decimal:
    try:
        return positive(text or _given(text, field))
    except ValueError as fault:
        raise Rejected(reason, f"{field} {text[:80]!r} {fault}") from None


def _time(text: str, field: str, zone: tzinfo) -> int:
    try:
        return moment(text or _given(text, field), zone)
    except Rejected as fault:
        raise Rejected(fault.reason, fault.message.replace("timestamp", field, 1)) from None
