"""Runs as records of pipeline.runs.v1: their ids, requests and order. A final status holds against any other, however records arrive.

The id begins with how the rows are read (`prices-`, `frames-`, `events-`, `orders-`), whatever the kind of the run: a replay of price
rows is a `prices-…` run. The rows of `daily-` and `backfill-` runs are the answers of a provider.
"""

import datetime
from typing import Literal, NamedTuple

import msgspec

from shared.events import Cancel, Run
from shared.frames import FAULTS
from shared.partitioning import partition
from shared.records import cloud_event
from shared.storable import storable
from shared.time import to_datetime
from shared.topics import MARKET_RAW, OPS_RAW, RUNS, TRADING_RAW, Topic

RowKind = Literal["prices", "frames", "events", "orders", "daily", "backfill"]
RAW_OF: dict[RowKind, Topic] = {
    "prices": MARKET_RAW,
    "frames": MARKET_RAW,
    "events": OPS_RAW,
    "orders": TRADING_RAW,
    "daily": MARKET_RAW,
    "backfill": MARKET_RAW,
}
FINAL = frozenset({"published", "finished", "failed"})
_decode = msgspec.json.Decoder(Run).decode
_cancel = msgspec.json.Decoder(Cancel).decode
CANCEL = "|cancel"


class PricesRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A CSV of trades, quotes or prices. `columns` maps our names to the file's; `header` names the columns of a file that does not."""

    path: str
    symbol: str | None = None
    columns: dict[str, str] = {}
    header: list[str] = []
    timezone: str = "UTC"
    file: dict[str, int] = {}  # size and mtime (ns) of the file as first opened: a resumed run reads the same bytes


class FramesRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A recorded session, `receive time: frame` per line."""

    path: str
    provider: str
    file: dict[str, int] = {}


class EventsRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Operational events: lines of JSON, a JSON array or a CSV."""

    path: str
    file: dict[str, int] = {}


class OrdersRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Orders, their executions and quotes: three CSV files (or any of them), merged by time."""

    orders: str = ""
    trades: str = ""
    nbbo: str = ""
    timezone: str = "UTC"
    files: dict[str, dict[str, int]] = {}  # what each file was when it was first opened


class DailyRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Daily bars of tickers over the exchange days [start, end], both included, and the sessions before that their phases need."""

    tickers: list[str]
    start: datetime.date
    end: datetime.date


class BackfillRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a provider keeps of a symbol's past in [start, end), us."""

    symbol: str
    start: int
    end: int


class ReplayRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Dead letters in fixed ranges [first, end) of pipeline.dlq.v1 that become rows of this run, in partition and offset order."""

    rows: RowKind
    ranges: list[tuple[int, int, int]]  # partition, first, end
    reason: str | None = None
    run: str | None = None


class Outgoing(NamedTuple):
    """A Run as a record to publish."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def new_id(rows: RowKind, at: int, token: str) -> str:
    """`prices-20210108T000000-3fa9c1` from a time in us and six hex digits."""
    return f"{rows}-{to_datetime(at):%Y%m%dT%H%M%S}-{token}"


def raw_topic(run_id: str) -> Topic:
    """Where the rows of a run go."""
    return next((topic for rows, topic in RAW_OF.items() if run_id.startswith(f"{rows}-")), MARKET_RAW)


def record(run: Run) -> Outgoing:
    """The run as it stands, keyed by its id."""
    headers = cloud_event("run", source=run.source, subject=run.run_id, event_id=f"{run.run_id}:{run.updated_at}", time_us=run.updated_at)
    return Outgoing(home(run.run_id), run.run_id.encode(), msgspec.json.encode(run), headers)


def cancellation(run_id: str, at: int, why: str) -> Outgoing:
    """The request to end a run, behind the run in its partition; `at` in us."""
    value = msgspec.json.encode(Cancel(run_id, at, storable(why)))
    headers = cloud_event("cancel", source="tickplant", subject=run_id, event_id=f"{run_id}:cancel", time_us=at)
    return Outgoing(home(run_id), f"{run_id}{CANCEL}".encode(), value, headers)


def read_cancel(value: bytes | None) -> Cancel | None:
    """The request of a record's value; None where it is none."""
    try:
        return _cancel(value) if value else None
    except FAULTS:
        return None


def uncancellable(run: Run) -> str | None:
    """Why a run cannot be cancelled; None where it can."""
    if run.run_kind == "snapshot":
        return "a snapshot ends by itself within its deadline"
    if run.status == "published":
        return "all its rows are published; the writer finishes it"
    return f"it has {run.status} already" if run.status in FINAL else None


def home(run_id: str) -> int:
    """The partition of pipeline.runs.v1 that holds the run."""
    return partition(run_id.encode(), RUNS.partitions)


def read(value: bytes | None) -> Run | None:
    """The run of a record's value; None where it is none."""
    try:
        return _decode(value) if value else None
    except FAULTS:
        return None


def newest(a: Run, b: Run) -> Run:
    """Of two records of one run the one that holds: a final one, then the further one; commutative."""
    return max(a, b, key=lambda run: (run.status in FINAL, run.status == "finished", run.attempts, run.sent, run.updated_at))
