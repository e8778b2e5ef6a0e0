"""A raw record read as what it is: a live frame, a row of a file or a recorded frame; and a parsed tick completed with its envelope."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from shared.csv_row import located
from shared.errors import Rejected
from shared.events import Bar, Fact, IndexPrice, MarketInfo, Origin, Quote, Trade
from shared.identity import fact_id
from shared.providers import PROVIDERS, provider_name, provider_of
from shared.records import TAPE_PAGE, Record, Row, file_row, header
from shared.storable import NAME, storable, whole
from shared.tape import TAPES, Tape
from shared.time import MINUTE, SECOND, in_range, to_iso

_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SYMBOL = 64


class Raw(NamedTuple):
    """Source, payload and receive time of a raw record; `row` where it came from a file."""

    source: str
    payload: bytes
    received_at: int  # us
    row: Row | None = None
    fault: Rejected | None = None
    page_of: str = ""  # the venue's symbol, where the payload is a page of its past trades

    @property
    def run(self) -> str | None:
        """The run that brought the record; None for a live one."""
        return self.row.run if self.row else None

    def parse(self) -> Iterable[Fact | Rejected]:
        """The values of the payload; raises `Rejected`."""
        if self.fault is not None:
            raise self.fault
        if self.row is not None and self.row.run.startswith("prices-"):
            return self._price_row(self.row)
        if self.page_of:
            return _tape(self.source).parse(self.payload, self.page_of)
        return provider_of(self.source).parse(self.payload)

    def _price_row(self, row: Row) -> Iterable[Fact | Rejected]:
        try:
            return PROVIDERS["prices-csv"].parse(self.payload)
        except Rejected as fault:
            raise located(fault, row.line, self.payload.partition(b"\n")[2]) from None


def read(record: Record) -> Raw:
    """What a data record of market.raw.v1 holds. Never raises: a fault is raised by `parse`."""
    source = (record.key or b"").partition(b"|")[0].decode("utf-8", "replace")
    received_at, value = record.timestamp * 1000, record.value or b""
    row, fault = None, None
    if record.headers:
        try:
            row = file_row(record.headers)
        except Rejected as found:
            fault = found
    if not _SOURCE.fullmatch(source):
        unknown = Rejected("unknown_source", f"key {(record.key or b'')[:80]!r} names no source: `source|native symbol`")
        return Raw("unknown", value, received_at, row, fault or unknown)
    if fault is not None or not record.headers:
        return Raw(source, value, received_at, None, fault)
    if row is None and header(record.headers, "ce_type") == TAPE_PAGE:
        page_of = (record.key or b"").partition(b"|")[2].decode("utf-8", "replace")  # none where the page itself names it
        return Raw(source, value, received_at, page_of=page_of)
    if row is None or not row.run.startswith("frames-"):
        return Raw(source, value, received_at, row)
    stamp, _, frame = value.partition(b": ")
    try:
        return Raw(source, frame, recorded_at(stamp), row)
    except Rejected as fault:
        return Raw(source, value, received_at, row, fault)


def _tape(source: str) -> Tape:
    name = provider_name(source)
    if name not in TAPES:
        raise Rejected("unknown_type", f"a page of past trades, which {name} has not")
    return TAPES[name]


def recorded_at(stamp: bytes) -> int:
    """The receive time of a recorded frame, Unix seconds with a fraction, in us (further digits cut); raises `Rejected`."""
    whole, _, fraction = stamp.partition(b".")
    if not whole.isdigit() or len(whole) > 12 or (fraction and not fraction.isdigit()):
        raise Rejected("bad_row", f"line {stamp[:60]!r}… does not begin with a receive time: `1618677817.061845: {{frame}}`")
    return in_range(int(whole) * SECOND + int(fraction[:6].ljust(6, b"0")), "receive time", stamp.decode())


def numbered(values: Iterable[Fact | Rejected]) -> Iterator[tuple[Fact | Rejected, int]]:
    """Each value of one record with how many identical ones came before it; a venue's own id needs no such number."""
    seen: dict[Fact, int] = {}
    for value in values:
        if isinstance(value, Rejected) or (isinstance(value, Trade) and value.trade_id):
            yield value, 0
            continue
        n = seen[value] = seen.get(value, -1) + 1
        yield value, n


def complete(tick: Fact, raw: Raw, origin: Origin, max_skew: int, n: int = 0) -> Fact:
    """The tick with source, identity, times and origin; `Rejected` where its event time is ahead of its receive time."""
    at = tick.event_time or raw.received_at
    if at > raw.received_at + max_skew:
        raise Rejected(
            "future_event_time",
            f"event time {to_iso(at)} is more than {max_skew / SECOND:g} s ahead of its receive time {to_iso(raw.received_at)}",
        )
    if len(tick.native_symbol) > _SYMBOL or not tick.native_symbol.isprintable():
        raise Rejected("unknown_symbol", f"symbol {tick.native_symbol[:80]!r} is longer than {_SYMBOL} characters or not printable")
    if isinstance(tick, MarketInfo):
        return _told(tick, raw, at, origin, n)
    whole(tick.sequence, "sequence")
    n += raw.row.n if raw.row else 0
    envelope = (raw.source, raw.received_at, origin, False, raw.run)
    if type(tick) is Trade:
        trade_id = _identity(tick.trade_id) or fact_id(raw.source, tick.symbol, at, (tick.price, tick.size, tick.side), n)
        return Trade(tick.symbol, tick.native_symbol, at, tick.price, tick.size, tick.side, trade_id, tick.sequence, *envelope)
    if isinstance(tick, Quote):
        values = (tick.bid, tick.ask, tick.bid_size, tick.ask_size, str(tick.sequence))
        quote_id = _identity(tick.quote_id) or fact_id(raw.source, tick.symbol, at, values, n)
        return msgspec.structs.replace(tick, event_time=at, quote_id=quote_id, **_named(envelope))
    if isinstance(tick, Bar):
        whole(tick.trade_count, "trade_count")
        if at % MINUTE:
            raise Rejected("bad_timestamp", f"the bar of {tick.native_symbol[:40]!r} starts at {to_iso(at)}, not on a minute")
        return msgspec.structs.replace(
            tick, event_time=at, bar_id=f"{tick.interval // SECOND}s@{to_iso(at)}", sequence=raw.received_at, **_named(envelope)
        )
    index: IndexPrice = tick  # type: ignore[assignment]
    index_id = _identity(index.index_id) or fact_id(raw.source, index.symbol, at, (index.price,), n)
    return msgspec.structs.replace(index, event_time=at, index_id=index_id, **_named(envelope))


def _told(info: MarketInfo, raw: Raw, at: int, origin: Origin, n: int) -> MarketInfo:
    n += raw.row.n if raw.row else 0
    changes = (info.change_1h, info.change_24h, info.change_7d)
    values = (storable(info.name, NAME), str(info.rank), info.market_cap, info.volume_24h, *changes)
    info_id = fact_id(raw.source, info.symbol, at, values, n)
    return msgspec.structs.replace(
        info, event_time=at, info_id=info_id, source=raw.source, received_at=raw.received_at, origin=origin, run=raw.run
    )


def _identity(given: str) -> str:
    if len(given) > NAME or not given.isprintable():
        raise Rejected("malformed", f"id {given[:80]!r} is longer than {NAME} characters or not printable")
    return given


def _named(envelope: tuple[str, int, Origin, bool, str | None]) -> dict[str, object]:
    return dict(zip(("source", "received_at", "origin", "late", "run"), envelope, strict=True))
