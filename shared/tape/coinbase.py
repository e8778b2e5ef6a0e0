"""Coinbase Exchange: /products/{id}/trades, newest first, `after` pages to older ids.

[{"trade_id":86326522,"side":"sell","size":"0.00698254","price":"6268.48","time":"2020-03-20T00:22:57.833897Z"}]

`side` is the maker's, as in the feed.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Tick, Trade
from shared.frames import FAULTS, rejected
from shared.providers.venue import Budget
from shared.symbols import dashed
from shared.tape import rows
from shared.tape.asking import Asked, Wanted
from shared.time import from_iso

REST = "https://api.exchange.coinbase.com"
BUDGET = Budget(10, 1)
CHANNELS = ("matches",)
PAGE = 1000


class _Row(msgspec.Struct, gc=False):
    trade_id: int
    side: Literal["buy", "sell"]
    size: str
    price: str
    time: str


class _Number(msgspec.Struct, gc=False):
    trade_id: int


_decode_page = msgspec.json.Decoder(list[_Row]).decode
_decode_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_row = msgspec.json.Decoder(_Row).decode
_decode_number = msgspec.json.Decoder(_Number).decode


def page(base: str, wanted: Wanted) -> Asked:
    """The first ids of the range: asked for from behind them."""
    limit = min(PAGE, wanted.last - wanted.first + 1)
    return Asked(f"{base}/products/{wanted.native}/trades?after={wanted.first + limit}&limit={limit}")


def following(base: str, native: str, channel: str, last: int, at: int) -> Asked:
    """The newest of those with a greater id: of more than a page the older ones are a hole."""
    return Asked(f"{base}/products/{native}/trades?before={last}&limit={PAGE}")


def newest(base: str, native: str, channel: str) -> Asked:
    """Without `after` the newest come."""
    return Asked(f"{base}/products/{native}/trades?limit=1")


def parse(payload: bytes, native: str) -> Sequence[Tick | Rejected]:
    """Trades."""
    try:
        return [_trade(row, native) for row in _decode_page(payload)]
    except FAULTS:
        return _apart(payload, native)


def _apart(payload: bytes, native: str) -> Sequence[Tick | Rejected]:
    try:
        raws = _decode_rows(payload)
    except FAULTS as fault:
        raise rejected("coinbase history", fault) from None
    return rows.each("coinbase history", native, raws, _decode_row, partial(_trade, native=native), _number)


def _number(raw: msgspec.Raw) -> int:
    return _decode_number(raw).trade_id


def _trade(row: _Row, native: str) -> Tick | Rejected:
    try:
        values = from_iso(row.time), money.price(row.price, "price"), money.size(row.size, "size")
        return Trade(dashed(native), native, *values, "buy" if row.side == "sell" else "sell", str(row.trade_id), row.trade_id)
    except Rejected as fault:
        return fault.of_trade(native, row.trade_id)
