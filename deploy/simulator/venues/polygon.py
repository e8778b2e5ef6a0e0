"""Polygon (Massive): the stream of stocks at /stocks, and bars of simulated stocks, page by page, at
/v2/aggs/ticker/{ticker}/range/1/{day|minute}/{from}/{to}.

{"ticker":"AAPL","queryCount":2,"resultsCount":2,"adjusted":true,"results":[{"v":70790813,"vw":131.6292,"o":130.46,"c":130.15,"h":133.41,
 "l":129.89,"t":1673240400000,"n":645365}],"status":"OK","request_id":"…","count":2,"next_url":"http://…?cursor=…"}

Invariant: whatever the size of the pages, they have the same bars; a ticker that begins with `ZZZZ` has none.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import msgspec

from deploy.simulator import stocks
from deploy.simulator.limits import MINUTE, Limit
from deploy.simulator.stocks import Bar
from deploy.simulator.venue import Answer, Book, Feed, Request, Session, Stream, Venue

PAGE, LARGEST = 5_000, 50_000
_PATH = re.compile(r"/v2/aggs/ticker/([A-Z][A-Z0-9.]{0,15})/range/1/(day|minute)/([0-9-]{10,13})/([0-9-]{10,13})")
_TICKER = re.compile(r"[A-Z][A-Z0-9.]{0,15}")
_ONE = timedelta(days=1)
CHANNELS = ("AM", "T", "Q")


def _answer(request: Request, book: Book) -> Answer:
    found = _PATH.fullmatch(request.path)
    if found is None:
        return _error(404, "NOT_FOUND", request)
    ticker, span, first, last = found.groups()
    try:
        query = {**request.query, **_cursor(request.query.get("cursor", ""))}
        limit = min(max(int(query.get("limit", PAGE)), 1), LARGEST)
        begins, ends = _moment(first, span, last=False), _moment(last, span, last=True)
    except ValueError as fault:
        return _error(400, str(fault), request)
    if begins > ends:
        return _error(400, "The parameter 'to' cannot be a time that occurs before 'from'", request)
    bars = list(islice(_bars(request, ticker, span, begins, ends), limit + 1))
    return Answer(200, _page(request, found.groups(), bars, limit, query))


def _bars(request: Request, ticker: str, span: str, begins: int, ends: int) -> Iterator[Bar]:
    """The bars that start in [begins, ends] ms, of sessions that have ended by now."""
    if ticker.startswith("ZZZZ"):
        return
    now = request.now // 1000
    first, last = (datetime.fromtimestamp(at / 1000, stocks.ZONE).date() for at in (begins, min(ends, now)))
    day = max(first, stocks.FIRST)
    while day <= last:
        until = min(last, day + timedelta(days=365)) if span == "day" else day
        bars = stocks.daily(request.seed, ticker, day, until) if span == "day" else stocks.minutes(request.seed, ticker, day)
        yield from (bar for bar in bars if begins <= bar.at <= ends and _ended(bar) <= now)
        day = until + _ONE


def _ended(bar: Bar) -> int:
    day = datetime.fromtimestamp(bar.at / 1000, stocks.ZONE).date()
    return stocks.at_new_york(day, datetime.min.time().replace(hour=9, minute=30)) + stocks.minutes_of(day) * 60_000


def _page(request: Request, asked: tuple[str, ...], bars: list[Bar], limit: int, query: Mapping[str, str]) -> bytes:
    ticker, span, _, last = asked
    shown = bars[:limit]
    results = b",".join(
        b'{"v":%d,"vw":%d.%04d,"o":%d.%02d,"c":%d.%02d,"h":%d.%02d,"l":%d.%02d,"t":%d,"n":%d}'
        % (
            *(bar.volume, *divmod(bar.vwap, 10_000), *divmod(bar.open, 100), *divmod(bar.close, 100)),
            *(*divmod(bar.high, 100), *divmod(bar.low, 100), bar.at, bar.trades),
        )
        for bar in shown
    )
    adjusted = query.get("adjusted", "true") == "true"
    head = {"ticker": ticker, "queryCount": len(shown), "resultsCount": len(shown), "adjusted": adjusted}
    tail = {"status": "OK", "request_id": _request_id(request), "count": len(shown)}
    if len(bars) > limit:
        kept = {name: value for name, value in query.items() if name in ("adjusted", "limit", "sort")}
        cursor = base64.urlsafe_b64encode(urlencode(kept).encode()).decode()
        host = request.headers.get("host", "localhost")
        tail |= {"next_url": f"http://{host}/polygon/v2/aggs/ticker/{ticker}/range/1/{span}/{bars[limit].at}/{last}?cursor={cursor}"}
    body, rest = msgspec.json.encode(head)[:-1], msgspec.json.encode(tail)[1:]
    return body + (b',"results":[%b],' % results if shown else b",") + rest


def _cursor(given: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(base64.b64decode(given, altchars=b"-_", validate=True).decode(), strict_parsing=bool(given)))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise ValueError("The cursor is not one that an answer gave") from None


def _moment(text: str, span: str, *, last: bool) -> int:
    """Unix ms of a day in New York, or of Unix ms; a day's end where it is the last."""
    if text.isdigit():
        return int(text)
    day = date.fromisoformat(text)
    return stocks.at_new_york(day + _ONE, datetime.min.time()) - 1 if last else stocks.at_new_york(day, datetime.min.time())


def _request_id(request: Request) -> str:
    return blake2b(f"{request.now}{request.path}".encode(), digest_size=16).hexdigest()


def _error(status: int, said: str, request: Request) -> Answer:
    return Answer(status, msgspec.json.encode({"status": "ERROR", "request_id": _request_id(request), "error": said}))


def _limited(retry_after: int) -> Answer:
    said = (
        "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue. https://polygon.io/pricing"
    )
    return Answer(429, msgspec.json.encode({"status": "ERROR", "error": said}), {"Retry-After": str(retry_after)})


def _weigh(request: Request) -> int:
    return 1


def _native(symbol: str) -> str:
    return symbol.replace("-", ".")


def _opened(path: str, query: Mapping[str, str], session: Session, book: Book, now: int) -> list[bytes] | None:
    return [_status("connected", "Connected Successfully")] if path.strip("/") in ("", "stocks") else None


def _received(message: bytes, session: Session, book: Book, now: int) -> list[bytes]:
    """A key that begins with `wrong` is none; before a good one nothing is subscribed to."""
    try:
        action, params = msgspec.json.decode(message, type=_Action).said
    except msgspec.MsgspecError as fault:
        return [_status("error", str(fault))]
    if action == "auth":
        session.form = "" if not params or params.startswith("wrong") else "authenticated"
        return [_status("auth_success", "authenticated") if session.form else _status("auth_failed", "authentication failed")]
    if not session.form:
        return [_status("auth_required", "authentication required")]
    streams = {Stream(channel, symbol) for channel, _, symbol in (param.strip().partition(".") for param in params.split(","))}
    if unknown := sorted(f"{s.channel}.{s.symbol}" for s in streams if s.channel not in CHANNELS or not _TICKER.fullmatch(s.symbol)):
        return [_status("error", f"not authorized: {unknown[0]}")]
    if action == "subscribe":
        session.streams |= streams
    else:
        session.streams -= streams
    return [_status("success", f"{action}d to: {params}")]


def _beat(session: Session, book: Book, now: int) -> list[bytes]:
    return []


def _status(status: str, message: str) -> bytes:
    return msgspec.json.encode([{"ev": "status", "status": status, "message": message}])


class _Action(msgspec.Struct):
    action: Literal["auth", "subscribe", "unsubscribe"]
    params: str

    @property
    def said(self) -> tuple[str, str]:
        return self.action, self.params


FEED = Feed(_opened, _received, _beat, {}, frozenset())
VENUE = Venue("polygon", _native, _answer, _weigh, Limit(5, MINUTE), _limited, precision=1000, kind="past", feed=FEED)
