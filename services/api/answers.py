"""The rows of answers: money as JSON numbers with all their digits, times as ISO-8601 `Z`, null where a value is not known.

Invariant: no number passes through a float, and none is written with an exponent.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

import msgspec

from shared import time
from shared.events import Kind

Money = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "number"})]
Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
iso = lru_cache(maxsize=65536)(time.to_iso)
_ENCODER = msgspec.json.Encoder()


class Symbol(msgspec.Struct, frozen=True):
    """A symbol that a source has ticks of."""

    symbol: str
    source: str
    kind: str
    native_symbol: str
    last_event_time: Time


class Latest(msgspec.Struct, frozen=True):
    """The newest price of a source's symbol; a quote's price is its mid."""

    source: str
    symbol: str
    kind: str
    native_symbol: str
    event_time: Time
    received_at: Time
    sequence: int
    id: str
    price: Money
    size: Money | None
    bid: Money | None
    ask: Money | None
    flags: list[str]


class Flag(msgspec.Struct, frozen=True):
    """What was found doubtful in the live ticks of a source, as one episode; it stands while `end` is null. Times are receive times."""

    source: str
    symbol: str
    kind: str
    flag: str
    start: Time
    since: Time
    end: Time | None
    ticks: int
    price: Money | None
    reference: Money | None
    first_origin: str
    last_origin: str


class Gap(msgspec.Struct, frozen=True):
    """Receive times in which a source may have said what was not kept."""

    start: Time
    end: Time
    reason: str


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """A live source as its owner last told of it; everything received until `at` is acknowledged. Its newest gaps first.

    `problems` names the symbols that the venue does not give, with its words; left out where there are none.
    """

    source: str
    provider: str
    state: str
    at: Time
    received: int
    acknowledged: int
    connects: int
    reason: str
    gaps: list[Gap]
    problems: dict[str, str] = {}


class Hole(msgspec.Struct, frozen=True):
    """What a source said, or may have said, and was not received when it should have been.

    `first_id` and `last_id` where the venue numbers its trades; `start` is the last time known before, `end` the first one behind. A null
    `symbol` means every symbol of the source. `lost`: the venue does not have it either.
    """

    source: str
    symbol: str | None
    kind: str
    first_id: int | None
    last_id: int | None
    start: Time
    end: Time
    state: str
    reason: str
    found_at: Time
    ended_at: Time | None
    requests: int
    message: str


class Throughput(msgspec.Struct, frozen=True):
    """What came of a source or a symbol: ticks by event time, their mean a second and the most in a minute."""

    group: str
    kind: str
    ticks: int
    late: int
    per_second: Money
    most_in_a_minute: int


class Tick(msgspec.Struct, frozen=True):
    """A stored fact; `origin` is the raw record it came from (epoch/partition/offset/index)."""

    source: str
    symbol: str
    kind: str
    native_symbol: str
    event_time: Time
    received_at: Time
    sequence: int
    id: str
    price: Money | None
    size: Money | None
    side: str | None
    bid: Money | None
    ask: Money | None
    bid_size: Money | None
    ask_size: Money | None
    late: bool
    run: str | None
    origin: str


class Place(msgspec.Struct, frozen=True):
    """Where a tick stands in the order of its source, symbol and kind."""

    event_time: Time
    sequence: int
    id: str


class Candle(msgspec.Struct, frozen=True):
    """One window; a row that was made to fill a hole is `filled` and has no `first`, `last` and `is_closed`.

    `coverage` (0 to 1) is the part of the window of which nothing is known to be missing; null where the source is not live.
    """

    source: str
    symbol: str
    kind: Kind
    interval: str
    start: Time
    end: Time
    open: Money | None
    high: Money | None
    low: Money | None
    close: Money | None
    volume: Money | None
    quote_volume: Money | None
    vwap: Money | None
    trade_count: int
    tick_count: int
    buy_volume: Money | None
    sell_volume: Money | None
    first: Place | None
    last: Place | None
    is_closed: bool | None
    late_count: int
    revision: int
    filled: bool
    coverage: Money | None


class Daily(msgspec.Struct, frozen=True):
    """An exchange day of a ticker. Where `market_phase` is null, `phase_reason` says why. `revision` counts restatements."""

    ticker: str
    date: str
    source: str
    open: Money
    high: Money
    low: Money
    close: Money
    volume: Money
    vwap: Money | None
    trade_count: int
    adjusted: bool
    session: str
    market_phase: str | None
    phase_reason: str | None
    average_50: Money | None
    average_200: Money | None
    revision: int
    run_id: str
    received_at: Time


class Metric(msgspec.Struct, frozen=True):
    """A service's minute. Latencies in ms; percentiles to 1 %; `error_rate` is `error_count` / `status_count`."""

    service: str
    start: Time
    request_count: int
    avg_latency_ms: Money | None
    status_count: int
    error_count: int
    error_rate: Money | None
    p50: Money | None
    p95: Money | None
    p99: Money | None
    late_count: int
    is_closed: bool


def money(value: Decimal | None) -> msgspec.Raw | None:
    """The number as it is stored, trailing zeros included."""
    return None if value is None else number(value)


def number(value: Decimal) -> msgspec.Raw:
    """The digits of a value that is known."""
    text = str(value)  # three times as fast as format, but 1E-7 for small values
    return msgspec.Raw((format(value, "f") if "E" in text else text).encode())


def encoded(row: msgspec.Struct) -> msgspec.Raw:
    """A row that goes into pages as it is."""
    return msgspec.Raw(_ENCODER.encode(row))


def together(rows: Sequence[msgspec.Raw]) -> msgspec.Raw:
    """Rows as the array that a page has of them."""
    return msgspec.Raw(_ENCODER.encode(rows))


def page(rows: Sequence[msgspec.Struct] | msgspec.Raw, next_url: str | None) -> bytes:
    """`{"results": [...], "next_url": ...}`."""
    return _ENCODER.encode({"results": rows, "next_url": next_url})


def single(row: msgspec.Struct) -> bytes:
    """An answer that is one row."""
    return _ENCODER.encode(row)
