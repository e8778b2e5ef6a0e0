"""Orders, executions and quotes of a batch as rows of their stages, in binary COPY format. Pure, made beside the transaction before."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct

from services.writer.batch import Batch, LedgerKey, ledger_key
from services.writer.sinks.postgres import binary
from services.writer.sinks.postgres.binary import NULL, numeric, text
from shared.events import Execution, Nbbo, Order, Origin
from shared.time import from_datetime
from shared.trading.versions import version

_ENVELOPE = "received_at run epoch raw_partition raw_offset"
_VERSION = "action action_time content"
QUOTES = f"symbol event_time bid ask {_ENVELOPE}".split()
ORDERS = f"order_id symbol side quantity limit_price event_time destination {_VERSION} {_ENVELOPE}".split()
FILLS = f"trade_id order_id symbol side quantity price event_time destination {_VERSION} {_ENVELOPE}".split()
_EPOCH = from_datetime(datetime(2000, 1, 1, tzinfo=UTC))
_CHUNK = 500
_time = Struct(">iq").pack
_place = Struct(">iqiiiq").pack
_version = Struct(">ihiqi").pack


@dataclass(frozen=True, slots=True)
class Staged:
    """What a transaction stores of trading: rows by stage, the symbols and runs they are of, and how many there are by where they count."""

    rows: dict[str, list[bytes]]
    symbols: list[str]
    by_run: dict[str, set[str]]
    given: Counter[LedgerKey]


def stage(batch: Batch) -> Staged | None:
    """None where the batch has nothing of it."""
    if not (batch.quotes or batch.orders or batch.executions):
        return None
    events: list[Order | Execution | Nbbo] = [*batch.quotes.values(), *batch.orders.values(), *batch.executions.values()]
    by_run: dict[str, set[str]] = {}
    for run, symbol in {(event.run, event.symbol) for event in events}:
        if run is not None:
            by_run.setdefault(run, set()).add(symbol)
    rows = {
        "stage_quotes": _pieces(map(_quote, batch.quotes.values())),
        "stage_orders": _pieces(map(_order, batch.orders.values())),
        "stage_fills": _pieces(map(_execution, batch.executions.values())),
    }
    return Staged(rows, sorted({event.symbol for event in events}), by_run, Counter(map(ledger_key, events)))


def _pieces(rows: Iterable[bytes]) -> list[bytes]:
    made = list(rows)
    return [b"".join(made[at : at + _CHUNK]) for at in range(0, len(made), _CHUNK)]


def _quote(event: Nbbo) -> bytes:
    head = _count(len(QUOTES)) + text(event.symbol) + _time(8, event.event_time - _EPOCH)
    return head + numeric(str(event.bid)) + numeric(str(event.ask)) + _envelope(event.received_at, event.run, event.origin)


def _order(event: Order) -> bytes:
    limit = NULL if event.limit_price is None else numeric(str(event.limit_price))
    head = _count(len(ORDERS)) + _name(event.order_id) + text(event.symbol) + text(event.side) + numeric(str(event.quantity)) + limit
    return head + _tail(event)


def _execution(event: Execution) -> bytes:
    head = _count(len(FILLS)) + _name(event.trade_id) + _name(event.order_id) + text(event.symbol) + text(event.side)
    return head + numeric(str(event.quantity)) + numeric(str(event.price)) + _tail(event)


def _tail(event: Order | Execution) -> bytes:
    rank, at, content = version(event)
    held = _version(2, rank, 8, at - _EPOCH, len(content)) + content
    return _time(8, event.event_time - _EPOCH) + text(event.destination) + held + _envelope(event.received_at, event.run, event.origin)


def _envelope(received_at: int, run: str | None, origin: Origin) -> bytes:
    at = _place(8, origin.epoch, 4, origin.partition, 8, origin.offset)
    return _time(8, received_at - _EPOCH) + text(run) + at


def _name(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(4, "big") + encoded


@lru_cache
def _count(columns: int) -> bytes:
    return columns.to_bytes(2, "big")


def framed(rows: Iterable[bytes]) -> Iterable[bytes]:
    """A whole binary COPY."""
    yield binary.HEADER
    yield from rows
    yield binary.TRAILER
