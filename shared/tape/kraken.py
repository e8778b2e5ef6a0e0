"""Kraken: /0/public/Trades, oldest first, after a time in nanoseconds.

{"error":[],"result":{"XXBTZUSD":[["30243.40000","0.34507674",1688669597.8277369,"b","m","",61044952]],"last":"1688671969993150842"}}

A row is price, volume, time, side (b, s), order type (m, l), miscellaneous, trade id. Times of the stream end at microseconds, those here
are finer: what lies below is cut.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Tick, Trade
from shared.frames import FAULTS, rejected
from shared.money import cut
from shared.providers.venue import Budget
from shared.symbols import dashed
from shared.tape import rows
from shared.tape.asking import Asked, Wanted
from shared.time import in_range

REST = "https://api.kraken.com"
BUDGET = Budget(60, 60)
CHANNELS = ("trade",)
PAGE = 1000
# The venue's own codes of two coins.
_MICROSECONDS = Decimal(1_000_000)
_CODES = {"BTC": "XBT", "DOGE": "XDG"}


class _Page(msgspec.Struct, gc=False):
    error: list[str] = []
    result: dict[str, msgspec.Raw] = {}


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_values = msgspec.json.Decoder(list[Any]).decode
_decode_row = msgspec.json.Decoder(tuple[str, str, Decimal, Literal["b", "s"], str, str, int]).decode


def page(base: str, wanted: Wanted) -> Asked:
    """From the time of the trade before on: the range's own trades, and those that share that microsecond."""
    count = min(PAGE, wanted.last - wanted.first + 8)
    return Asked(f"{base}/0/public/Trades?pair={_pair(wanted.native)}&since={wanted.after * 1000 - 1}&count={count}")


def following(base: str, native: str, channel: str, last: int, at: int) -> Asked:
    """Behind the trade's microsecond: another trade of the same one is a hole."""
    return Asked(f"{base}/0/public/Trades?pair={_pair(native)}&since={at * 1000 + 999}&count={PAGE}")


def newest(base: str, native: str, channel: str) -> Asked:
    """Without a time the newest come."""
    return Asked(f"{base}/0/public/Trades?pair={_pair(native)}&count=1")


def parse(payload: bytes, native: str) -> Sequence[Tick | Rejected]:
    """Trades."""
    try:
        answer = _decode_page(payload)
        raws = [row for name, raw in answer.result.items() if name != "last" for row in _decode_rows(raw)]
    except FAULTS as fault:
        raise rejected("kraken history", fault) from None
    if answer.error:
        raise Rejected("unknown_type", f"kraken error: {answer.error[0][:200]}")
    return rows.each("kraken history", native, raws, _decode_row, lambda row: _trade(native, *row), _number)


def _number(raw: msgspec.Raw) -> int | None:
    """The last of a row's values."""
    last = _decode_values(raw)[-1:]
    return last[0] if last and isinstance(last[0], int) else None


def _trade(native: str, price: str, size: str, at: Decimal, side: str, kind: str, misc: str, number: int) -> Tick | Rejected:
    try:
        us = cut(at, _MICROSECONDS) if at.is_finite() and 0 <= at < 10**12 else 0  # whatever the exponent says, no number grows large here
        values = in_range(us, "time", str(at)), money.price(price, "price"), money.size(size, "volume")
        return Trade(dashed(native), native, *values, "buy" if side == "b" else "sell", str(number), number)
    except Rejected as fault:
        return fault.of_trade(native, number)


def _pair(native: str) -> str:
    """`BTC/USD` is XBTUSD here."""
    base, _, quote = native.partition("/")
    return _CODES.get(base, base) + _CODES.get(quote, quote)
