"""Polygon (Massive) stocks WebSocket: bars of a minute (AM), trades (T) and the best bid and offer (Q); a frame is an array of events.

[{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"a":0.4352,"z":685,
  "s":1610144640000,"e":1610144700000}]
[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328}]
[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,"q":50385480,"z":3}]
[{"ev":"status","status":"auth_success","message":"authenticated"}]

Numbers are JSON numbers, times Unix ms, sizes shares. The key is said first, `{"action":"auth","params":"…"}`; what is wanted after
`auth_success`. A trade's id is unique within ticker, exchange and reporting facility. A bar that is said again with other values restates
the first. A frame tells of many tickers, so all frames of a source have one key.
"""

import decimal
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from shared import money
from shared.errors import Rejected
from shared.events import Bar, Quote, Tick, Trade
from shared.frames import FAULTS, rejected
from shared.money import ZERO
from shared.providers.venue import Opening
from shared.symbols import dashed
from shared.time import EARLIEST, LATEST, MINUTE, from_ms

WEBSOCKET = "wss://socket.polygon.io/stocks"
CHANNELS = ("AM", "T", "Q")
TOGETHER = 500  # subscriptions a frame
_IGNORED = frozenset({"status", "A", "LULD", "FMV", "NOI", "LV"})
# A sum that this context takes without rounding has no part with more than 18 digits behind the point, nor one of 10^18: the common case,
# without looking at each part. What it does not take is looked at.
_TIGHT = decimal.Context(prec=19, Emin=0, Emax=17, traps=[decimal.Rounded, decimal.InvalidOperation, decimal.Overflow])
_add = _TIGHT.add


class _Bar(msgspec.Struct, gc=False, tag_field="ev", tag="AM"):
    sym: str
    s: int
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 the venue's name
    c: Decimal
    v: Decimal
    vw: Decimal = ZERO


class _Trade(msgspec.Struct, gc=False, tag_field="ev", tag="T"):
    sym: str
    t: int
    p: Decimal
    s: Decimal
    i: str
    x: int = 0
    trfi: int = 0
    q: int = 0


class _Quote(msgspec.Struct, gc=False, tag_field="ev", tag="Q", rename={"size_a": "as", "size_b": "bs"}):
    sym: str
    t: int
    bp: Decimal
    ap: Decimal
    size_b: Decimal = ZERO
    size_a: Decimal = ZERO
    q: int = 0


class _Status(msgspec.Struct, gc=False, tag_field="ev", tag="status"):
    status: str
    message: str = ""


class _Kind(msgspec.Struct, gc=False):
    ev: str = ""


_Event = _Bar | _Trade | _Quote | _Status
_frame = msgspec.json.Decoder(list[_Event]).decode
_events = msgspec.json.Decoder(list[msgspec.Raw]).decode
_event = msgspec.json.Decoder(_Event).decode
_kind = msgspec.json.Decoder(_Kind).decode


def parse(payload: bytes) -> list[Tick | Rejected]:
    """The ticks of a frame, or why an event is none; nothing for control events. Raises `Rejected` for the whole."""
    try:
        events = _frame(payload)
    except FAULTS:
        return _one_by_one(payload)
    return [tick for event in events if (tick := _read(event)) is not None]


def native(symbol: str) -> str:
    """The venue's tickers are the canonical ones; `BRK-B` is `BRK.B` here."""
    return symbol.replace("-", ".")


def stream(base: str, symbols: Sequence[str], channels: Sequence[str]) -> Opening:
    """One connection for all tickers, some hundred subscriptions a frame. Between minutes nothing may be said."""
    wanted = [f"{channel}.{native(symbol)}" for channel in channels for symbol in symbols]
    parts = [",".join(wanted[at : at + TOGETHER]) for at in range(0, len(wanted), TOGETHER)]
    return Opening(base, tuple(msgspec.json.encode({"action": "subscribe", "params": part}) for part in parts), may_be_silent=True)


def login(key: str) -> bytes:
    """What is said first."""
    return msgspec.json.encode({"action": "auth", "params": key})


def authorized(key: str, base: str) -> dict[str, str]:
    """How a request carries the key; never in its address."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def logged_in(payload: bytes) -> bool:
    """Whether the frame says that the key is good; False for other frames. Raises `Rejected` where it says that it is not."""
    try:
        said = [event for event in _frame(payload) if isinstance(event, _Status)]
    except FAULTS:
        return False
    for event in said:
        if event.status in ("auth_failed", "auth_timeout", "max_connections"):
            raise Rejected("unknown_type", f"polygon: {event.status}: {event.message[:200]}")
    return any(event.status == "auth_success" for event in said)


def _one_by_one(payload: bytes) -> list[Tick | Rejected]:
    """A frame with an event that has no place here, or is none."""
    try:
        events = _events(payload)
    except FAULTS as fault:
        raise rejected("polygon frame", fault) from None
    found: list[Tick | Rejected] = []
    for raw in events:
        try:
            tick = _read(_event(raw))
        except FAULTS as fault:
            tick = _unknown(raw, fault)
        if tick is not None:
            found.append(tick)
    return found


def _unknown(raw: msgspec.Raw, fault: Exception) -> Rejected | None:
    try:
        kind = _kind(raw).ev
    except FAULTS:
        kind = "AM"
    if kind in _IGNORED:
        return None
    return rejected(f"polygon {kind}", fault) if kind in CHANNELS else Rejected("unknown_type", f"polygon event with ev={kind[:40]!r}")


def _read(event: _Event) -> Tick | Rejected | None:
    try:
        if type(event) is _Trade:
            return _trade(event)
        if type(event) is _Quote:
            return _quote(event)
        return _bar(event) if type(event) is _Bar else None
    except Rejected as fault:
        return fault


def _bar(e: _Bar) -> Bar:
    opened, high, low, close, volume, vwap = e.o, e.h, e.l, e.c, e.v, e.vw or None
    try:
        total = _add(_add(_add(opened, high), _add(low, close)), _add(volume, e.vw))
        sound = total.is_finite() and low > ZERO and volume >= ZERO and e.vw >= ZERO
    except decimal.DecimalException:
        sound = False
    if not sound:
        opened, high, low, close = (money.price(_plain(value), name) for name, value in zip("ohlc", (e.o, e.h, e.l, e.c), strict=True))
        volume = money.quote_size(_plain(e.v), "v") or ZERO
        vwap = money.price(_plain(e.vw), "vw") if e.vw else None
    if not (low <= opened <= high and low <= close <= high):
        raise Rejected("bad_price", f"the bar of {e.sym[:40]} at s={e.s} has open {opened} high {high} low {low} close {close}")
    return Bar(dashed(e.sym), e.sym, _time(e.s, "s"), MINUTE, opened, high, low, close, volume, vwap)


def _trade(e: _Trade) -> Trade:
    price, size = e.p, e.s
    try:
        total = _add(price, size)
        sound = total.is_finite() and price > ZERO and size > ZERO
    except decimal.DecimalException:
        sound = False
    if not sound:
        price, size = money.price(_plain(e.p), "p"), money.size(_plain(e.s), "s")
    trade_id = f"{e.x}-{e.trfi}-{e.i}" if e.trfi else f"{e.x}-{e.i}"
    return Trade(dashed(e.sym), e.sym, _time(e.t, "t"), price, size, None, trade_id, e.q)


def _quote(e: _Quote) -> Quote:
    bid, ask, bid_size, ask_size = e.bp, e.ap, e.size_b, e.size_a
    try:
        total = _add(_add(bid, ask), _add(bid_size, ask_size))
        sound = total.is_finite() and bid > ZERO and ask > ZERO and bid_size >= ZERO and ask_size >= ZERO
    except decimal.DecimalException:
        sound = False
    if not sound:
        bid, ask = money.price(_plain(e.bp), "bp"), money.price(_plain(e.ap), "ap")
        bid_size, ask_size = (money.quote_size(_plain(value), name) or ZERO for name, value in (("bs", e.size_b), ("as", e.size_a)))
    return Quote(dashed(e.sym), e.sym, _time(e.t, "t"), bid, ask, bid_size, ask_size, sequence=e.q)


def _time(ms: int, field: str) -> int:
    us = ms * 1000
    return us if EARLIEST <= us < LATEST else from_ms(ms, field)


def _plain(value: Decimal) -> str:
    """Without an exponent, where it is not an absurd one."""
    return f"{value:f}" if value.is_finite() and abs(value.adjusted()) < 64 else str(value)
