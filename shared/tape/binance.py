"""Binance spot: historicalTrades and aggTrades, from an id on, oldest first.

historicalTrades  [{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,"isBuyerMaker":true,
                    "isBestMatch":true}]
aggTrades         [{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true}]

A weight of 10 is one unit of the budget, so the venue's 6,000 a minute are 600.
"""

from collections.abc import Sequence
from functools import partial

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Tick, Trade
from shared.frames import FAULTS, rejected
from shared.providers.venue import Budget
from shared.symbols import split_concatenated
from shared.tape import rows
from shared.tape.asking import Asked, Wanted
from shared.time import from_ms

REST = "https://api.binance.com"
BUDGET = Budget(600, 60)
CHANNELS = ("trade", "aggTrade")
PAGE = 1000
_PATHS = {"trade": ("historicalTrades", 3), "aggTrade": ("aggTrades", 1)}


class _Row(msgspec.Struct, gc=False):
    id: int | None = None
    price: str = ""
    qty: str = ""
    time: int = 0
    isBuyerMaker: bool = False  # noqa: N815 the venue's spelling
    a: int | None = None
    p: str = ""
    q: str = ""
    T: int = 0
    m: bool = False


class _Number(msgspec.Struct, gc=False):
    id: int | None = None
    a: int | None = None


_decode_page = msgspec.json.Decoder(list[_Row]).decode
_decode_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_row = msgspec.json.Decoder(_Row).decode
_decode_number = msgspec.json.Decoder(_Number).decode


def page(base: str, wanted: Wanted) -> Asked:
    """Exactly the range, or its first thousand."""
    path, weight = _PATHS[wanted.channel]
    limit = min(PAGE, wanted.last - wanted.first + 1)
    return Asked(f"{base}/api/v3/{path}?symbol={wanted.native}&fromId={wanted.first}&limit={limit}", weight)


def following(base: str, native: str, channel: str, last: int, at: int) -> Asked:
    """From the next id on."""
    path, weight = _PATHS[channel]
    return Asked(f"{base}/api/v3/{path}?symbol={native}&fromId={last + 1}&limit={PAGE}", weight)


def newest(base: str, native: str, channel: str) -> Asked:
    """Without an id the newest come."""
    path, weight = _PATHS[channel]
    return Asked(f"{base}/api/v3/{path}?symbol={native}&limit=1", weight)


def parse(payload: bytes, native: str) -> Sequence[Tick | Rejected]:
    """Trades or aggregates."""
    try:
        return [_trade(row, native) for row in _decode_page(payload)]
    except FAULTS:
        return _apart(payload, native)


def _apart(payload: bytes, native: str) -> Sequence[Tick | Rejected]:
    try:
        raws = _decode_rows(payload)
    except FAULTS as fault:
        raise rejected("binance history", fault) from None
    return rows.each("binance history", native, raws, _decode_row, partial(_trade, native=native), _number)


def _number(raw: msgspec.Raw) -> int | None:
    row = _decode_number(raw)
    return row.id if row.id is not None else row.a


def _trade(row: _Row, native: str) -> Tick | Rejected:
    if row.id is not None:
        number, price, size, at, sold = row.id, row.price, row.qty, row.time, row.isBuyerMaker
    elif row.a is not None:
        number, price, size, at, sold = row.a, row.p, row.q, row.T, row.m
    else:
        return Rejected("missing_field", "binance history without id or a")
    try:
        values = from_ms(at, "time"), money.price(price, "price"), money.size(size, "qty"), "sell" if sold else "buy"
        return Trade(split_concatenated(native), native, *values, str(number), number)  # type: ignore[arg-type]
    except Rejected as fault:
        return fault.of_trade(native, number)
