"""Polygon (Massive) stock aggregates: bars of a minute or of a day, asked for by ticker and range, page by page.

GET /v2/aggs/ticker/AAPL/range/1/day/2023-01-09/2023-02-10?adjusted=true&sort=asc&limit=50000, the key as `Authorization: Bearer …`

{"ticker":"AAPL","queryCount":2,"resultsCount":2,"adjusted":true,"status":"OK","request_id":"6a7e466379af0a71039d60cc78e72282","count":2,
 "results":[{"v":7.0790813e+07,"vw":131.6292,"o":130.465,"c":130.15,"h":133.41,"l":129.89,"t":1673240400000,"n":645365}],
 "next_url":"https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1673240400001/2023-02-10?cursor=bGltaXQ9Mg"}

`t` is the bar's start in Unix ms: a day starts at midnight in New York. `results` is left out where there are none, `next_url` on the last
page. An answer does not say how long its bars are, so bars of a minute (`polygon`) and of a day (`polygon-daily`) are two sources.
"""

from decimal import Decimal
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Bar, Tick
from shared.exchange import day_of
from shared.frames import FAULTS, rejected
from shared.money import EXACT
from shared.providers import polygon_stream
from shared.providers.venue import Budget
from shared.symbols import canonical
from shared.time import DAY, MINUTE, from_ms

REST = "https://api.polygon.io"
BUDGET = Budget(5, 60)
PAGE = 50_000
Number = Decimal | None


class _Result(msgspec.Struct, gc=False):
    t: int
    o: Number = None
    h: Number = None
    l: Number = None  # noqa: E741 the venue's name
    c: Number = None
    v: Number = None
    vw: Number = None
    n: int | None = None


class _Answer(msgspec.Struct):
    status: Literal["OK", "DELAYED"]
    ticker: str = ""
    adjusted: bool = False
    results: list[msgspec.Raw] | None = None
    next_url: str | None = None


_decode = msgspec.json.Decoder(_Answer).decode
_bar = msgspec.json.Decoder(_Result).decode


def native_symbol(payload: bytes) -> str:
    """The ticker of an answer; none of a frame, which may tell of many."""
    if payload[:1] == b"[":
        return ""
    try:
        return _decode(payload).ticker[:64]
    except FAULTS:
        return ""


def native(symbol: str) -> str:
    """The venue's tickers are the canonical ones; `BRK-B` is `BRK.B` here."""
    return symbol.replace("-", ".")


class Aggregates:
    """Bars of one length."""

    REST, BUDGET, PAGE = REST, BUDGET, PAGE
    authorized = staticmethod(polygon_stream.authorized)
    native = staticmethod(native)
    native_symbol = staticmethod(native_symbol)

    def __init__(self, interval: int, timespan: str) -> None:
        self._interval, self._timespan = interval, timespan

    def parse(self, payload: bytes) -> list[Tick | Rejected]:
        """A bar a result, or why it is none; the ticks of a frame of the stream. Raises `Rejected` for the whole."""
        if payload[:1] == b"[":
            return polygon_stream.parse(payload)
        answer = _answer(payload)
        return [self._read(answer, result) for result in answer.results or []]

    def first(self, base: str, symbol: str, start: int, end: int, limit: int) -> str:
        """The address of the first page of bars that start in [start, end), us."""
        begins, ends = (str(day_of(at)) if self._interval >= DAY else str(at // 1000) for at in (start + 999, end - 1))
        query = urlencode({"adjusted": "true", "sort": "asc", "limit": limit})
        return f"{base}/v2/aggs/ticker/{quote(native(symbol), safe='')}/range/1/{self._timespan}/{begins}/{ends}?{query}"

    def following(self, asked: str, payload: bytes) -> str | None:
        """The address of the next page, as the venue says it; None after the last. Raises `Rejected` where this is no page."""
        return _answer(payload).next_url or None

    def _read(self, answer: _Answer, given: msgspec.Raw) -> Tick | Rejected:
        try:
            result = _bar(given)
        except FAULTS as fault:
            return rejected("polygon bar", fault)
        try:
            return self._tick(answer, result)
        except Rejected as fault:
            return fault

    def _tick(self, answer: _Answer, result: _Result) -> Bar:
        symbol, at = canonical(answer.ticker), from_ms(result.t, "t")
        opened, high, low, close = (_price(result, name) for name in "ohlc")
        if not low <= min(opened, close) <= max(opened, close) <= high:
            raise Rejected("bad_price", f"the bar of {symbol} at t={result.t} has open {opened} high {high} low {low} close {close}")
        if result.v is None:
            raise Rejected("missing_field", f"the bar of {symbol} at t={result.t} has no v")
        volume = money.quote_size(_plain(result.v), "v")
        vwap = money.price(_plain(result.vw), "vw") if result.vw else None
        count = result.n if result.n is not None and 0 <= result.n < 2**63 else 0
        prices = (opened, high, low, close, volume or money.ZERO, vwap, count, answer.adjusted)
        return Bar(symbol, answer.ticker, at, self._interval, *prices)


def _answer(payload: bytes) -> _Answer:
    try:
        return _decode(payload)
    except FAULTS as fault:
        raise rejected("polygon aggregates", fault) from None


def _price(result: _Result, name: str) -> Decimal:
    value: Decimal | None = getattr(result, name)
    if value is None:
        raise Rejected("missing_field", f"the bar at t={result.t} has no {name}")
    return money.price(_plain(value), name)


def _plain(value: Decimal) -> str:
    """Without an exponent: 7.0790813e+07 is 70790813."""
    if value.is_finite() and abs(value.adjusted()) < 64 and "E" in str(value):
        return f"{EXACT.normalize(value):f}"
    return str(value)


MINUTES, DAYS = Aggregates(MINUTE, "minute"), Aggregates(DAY, "day")
