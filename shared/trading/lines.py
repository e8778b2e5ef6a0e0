"""Rows of one file as the JSON of their events, column by column: what a value costs is one look-up among those met before. Pure.

Invariant: a line is the JSON that msgspec makes of the event that `rows.parse` gives of the row, byte for byte. Rows of which one is not
plain, or is to be rejected, are refused together: their caller takes them one by one.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from functools import partial
from itertools import repeat
from typing import TypeVar

import msgspec

from shared.errors import Reason
from shared.time import from_iso
from shared.trading import columns, rows, values
from shared.trading.columns import Layout
from shared.trading.plain import Unusual

Value = TypeVar("Value")
Column = Sequence[str]
_KNOWN = 65_536
_USUAL = len("2026-01-05T14:30:00.120000Z")


class Known(dict[str, Value]):
    """What the texts of a column stand for, as far as they were met; a text that `read` refuses raises each time."""

    def __init__(self, read: Callable[[str], Value]) -> None:
        self._read = read

    def __missing__(self, text: str) -> Value:
        if len(self) >= _KNOWN:
            self.clear()
        value = self[text] = self._read(text.strip())
        return value


def lines(header: str, given: Sequence[str], tails: Column) -> tuple[list[str], list[str]]:
    """The symbols and the JSON of the events of rows of one canonical header; `tails` ends each with its envelope.

    Raises `Unusual` or `Rejected` where not all of them are plain rows.
    """
    layout, zone = rows.layout(header)
    joined = ",".join(given)
    if '"' in joined or set(map(str.count, given, repeat(","))) != {layout.width - 1}:
        raise Unusual
    cells = joined.split(",")
    found = [cells[at :: layout.width] for at in range(layout.width)]
    return _MAKE[layout.file](layout, found, zone, tails)


def _quotes(layout: Layout, found: Sequence[Column], zone: tzinfo, tails: Column) -> tuple[list[str], list[str]]:
    symbol, bid, ask, at = layout.pick(found)
    if layout.action >= 0:
        _all(_NO_ACTION, found[layout.action])
    symbols = _all(_SYMBOL, symbol)
    given = zip(symbols, _all(_PRICE, bid), _all(_PRICE, ask), _times(at, zone), tails, strict=True)
    return symbols, [f'{{"kind":"nbbo","symbol":"{s}","bid":"{b}","ask":"{a}","event_time":{t}{end}' for s, b, a, t, end in given]


def _orders(layout: Layout, found: Sequence[Column], zone: tzinfo, tails: Column) -> tuple[list[str], list[str]]:
    order_id, symbol, side, quantity, limit, at, place = layout.pick(found)
    symbols, times = _all(_SYMBOL, symbol), _times(at, zone)
    given = zip(
        _ids(order_id), symbols, _all(_SIDE, side), _all(_SIZE, quantity), _all(_LIMIT, limit), times, _all(_PLACE, place),
        *_actions(layout, found, zone, times), tails, strict=True,
    )  # fmt: skip
    return symbols, [
        f'{{"kind":"order","order_id":"{o}","symbol":"{s}","side":"{d}","quantity":"{q}","limit_price":{p},"event_time":{t}{v}{a}'
        f',"action_time":{w}{end}'
        for o, s, d, q, p, t, v, a, w, end in given
    ]


def _executions(layout: Layout, found: Sequence[Column], zone: tzinfo, tails: Column) -> tuple[list[str], list[str]]:
    trade_id, order_id, symbol, side, quantity, price, at, place = layout.pick(found)
    symbols, times = _all(_SYMBOL, symbol), _times(at, zone)
    given = zip(
        _ids(trade_id), _ids(order_id), symbols, _all(_SIDE, side), _all(_SIZE, quantity), _all(_PRICE, price), times, _all(_PLACE, place),
        *_actions(layout, found, zone, times), tails, strict=True,
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


def _all(known: Known[Value], texts: Column) -> list[Value]:
    return list(map(known.__getitem__, texts))


def _actions(layout: Layout, found: Sequence[Column], zone: tzinfo, times: list[int]) -> tuple[list[str], list[int]]:
    """What the rows do to their ids, as JSON, and when."""
    actions = _all(_ACTION, found[layout.action]) if layout.action >= 0 else [""] * len(times)
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


def _times(texts: Column, zone: tzinfo) -> list[int]:
    """Times in us. Those of the usual length are looked at together: all digits of one place are a slice of the texts in a row."""
    joined, count = "".join(texts), len(texts)
    if len(joined) == count * _USUAL and joined[26::27] == "Z" * count and joined[19::27] == "." * count and joined[16::27] == ":" * count:
        digits = "".join([joined[at::27] for at in range(20, 26)])
        if digits.isascii() and digits.isdigit() and set(map(len, texts)) == {_USUAL}:
            return [second + int(text[20:26]) for second, text in zip(_all(_SECOND, [text[:19] for text in texts]), texts, strict=True)]
    return [values.moment(text.strip(), zone) for text in texts]


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
_SECOND = Known(lambda text: from_iso(f"{text}Z", UTC))
