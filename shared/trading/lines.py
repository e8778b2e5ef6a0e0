"""Rows of one file as the JSON of their events, column by column: what a value costs is one look-up among those met before. Pure.

Invariant: a line is the JSON that msgspec makes of the event that `rows.parse` gives of the row, byte for byte. Rows of which one is not
plain, or is to be rejected, are refused together: their caller takes them one by one.
"""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial

import msgspec

from shared.errors import Reason
from shared.records import Record
from shared.trading import columns, rows, values
from shared.trading.columns import Layout
from shared.trading.plain import Column, Known, Unusual, cells, look_up, moments


def lines(header: str, given: Sequence[str], tails: Column) -> tuple[list[str], list[str]]:
    """The symbols and the JSON of the events of rows of one canonical header; `tails` ends each with its envelope.

    Raises `Unusual` or `Rejected` where not all of them are plain rows.
    """
    layout, zone = rows.layout(header)
    return _MAKE[layout.file](layout, cells(given, layout.width), zone, tails)


def envelopes(records: Sequence[Record], runs: Sequence[str], epoch: int, partition: int) -> list[str]:
    """What ends the line of each record's event: its envelope, for `lines`."""
    quoted = {run: msgspec.json.encode(run).decode() for run in set(runs)}
    origin = f"[{epoch},{partition},"
    return [
        f',"received_at":{record.timestamp}000,"origin":{origin}{record.offset},0],"run":{quoted[run]}}}'
        for record, run in zip(records, runs, strict=True)
    ]


def _quotes(layout: Layout, found: Sequence[Column], zone: tzinfo, tails: Column) -> tuple[list[str], list[str]]:
    symbol, bid, ask, at = layout.pick(found)
    if layout.action >= 0:
        look_up(_NO_ACTION, found[layout.action])
    symbols = look_up(_SYMBOL, symbol)
    given = zip(symbols, look_up(_PRICE, bid), look_up(_PRICE, ask), moments(at, zone), tails, strict=True)
    return symbols, [f'{{"kind":"nbbo","symbol":"{s}","bid":"{b}","ask":"{a}","event_time":{t}{end}' for s, b, a, t, end in given]


def _orders(layout: Layout, found: Sequence[Column], zone: tzinfo, tails: Column) -> tuple[list[str], list[str]]:
    order_id, symbol, side, quantity, limit, at, place = layout.pick(found)
    symbols, times = look_up(_SYMBOL, symbol), moments(at, zone)
    given = zip(
        _ids(order_id), symbols, look_up(_SIDE, side), look_up(_SIZE, quantity), look_up(_LIMIT, limit), times, look_up(_PLACE, place),
        *_actions(layout, found, zone, times), tails, strict=True,
    )  # fmt: skip
    return symbols, [
        f'{{"kind":"order","order_id":"{o}","symbol":"{s}","side":"{d}","quantity":"{q}","limit_price":{p},"event_time":{t}{v}{a}'
        f',"action_time":{w}{end}'
        for o, s, d, q, p, t, v, a, w, end in given
    ]


def _executions(layout: Layout, found: Sequence[Column], zone: tzinfo, tails: Column) -> tuple[list[str], list[str]]:
    trade_id, order_id, symbol, side, quantity, price, at, place = layout.pick(found)
    symbols, times = look_up(_SYMBOL, symbol), moments(at, zone)
    given = zip(
        _ids(trade_id), _ids(order_id), symbols, look_up(_SIDE, side), look_up(_SIZE, quantity), look_up(_PRICE, price),
        times, look_up(_PLACE, place), *_actions(layout, found, zone, times), tails, strict=True,
    )  # fmt: skip
    return symbols, [
        f'{{"kind":"execution","trade_id":"{i}","order_id":"{o}","symbol":"{s}","side":"{d}","quantity":"{q}","price":"{p}"'
        f',"event_time":{t}{v}{a},"action_time":{w}{end}'
        for i, o, s, d, q, p, t, v, a, w, end in given
    ]


_MAKE: dict[columns.File, Callable[[Layout, Sequence[Column], tzinfo, Column], tuple[list[str], list[str]]]] = {
    "orders": _orders,
    "trades": _executions,
    "nbbo": _quotes,
}


def _actions(layout: Layout, found: Sequence[Column], zone: tzinfo, times: list[int]) -> tuple[list[str], list[int]]:
    """What the rows do to their ids, as JSON, and when."""
    actions = look_up(_ACTION, found[layout.action]) if layout.action >= 0 else [""] * len(times)
    if layout.action_time < 0 or not any(given := found[layout.action_time]):
        return actions, times
    return actions, [values.moment(text.strip(), zone) if text.strip() else at for text, at in zip(given, times, strict=True)]


def _ids(texts: Column) -> Column:
    """Ids, stripped; raises `Unusual` where one is missing or cannot stand in JSON as it is, `Rejected` where one is too long."""
    joined = "".join(texts)
    if " " in joined:
        texts = [text.strip() for text in texts]
    if "" in texts or '"' in joined or "\\" in joined or not joined.isprintable():
        raise Unusual
    values.name(max(texts, key=len), "id")
    return texts


def _number(field: str, reason: Reason, text: str) -> str:
    return str(values.number(text, field, reason))


def _place(text: str) -> str:
    return f',"destination":{msgspec.json.encode(values.place(text)).decode()}' if text else ""


def _action(text: str) -> str:
    action = values.action(text)
    return "" if action == "new" else f',"action":"{action}"'


_SYMBOL, _SIDE = Known(values.symbol), Known(values.side)
_SIZE, _PRICE = Known(partial(_number, "quantity", "bad_size")), Known(partial(_number, "price", "bad_price"))
_LIMIT = Known(lambda text: f'"{_number("limit_price", "bad_price", text)}"' if text else "null")
_PLACE, _ACTION, _NO_ACTION = Known(_place), Known(_action), Known(values.no_action)
