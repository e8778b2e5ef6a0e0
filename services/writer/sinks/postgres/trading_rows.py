"""Orders, executions and quotes of a batch as rows of their stages, in binary COPY format. Pure, made beside the transaction before."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct

from services.writer.batch import Batch, LedgerKey, counted
from services.writer.sinks.postgres.binary import NULL, numeric, text
from shared.events import Execution, Nbbo, Order
from shared.time import DAY, from_datetime
from shared.trading.versions import version

_ENVELOPE = "received_at run epoch raw_partition raw_offset"
_VERSION = "action action_time content"
QUOTES = f"symbol event_time bid ask {_ENVELOPE}".split()
ORDERS = f"order_id symbol side quantity limit_price event_time destination {_VERSION} {_ENVELOPE}".split()
FILLS = f"trade_id order_id symbol side quantity price event_time destination {_VERSION} {_ENVELOPE}".split()
_EPOCH = from_datetime(datetime(2000, 1, 1, tzinfo=UTC))
_CHUNK = 500
_int8 = Struct(">iq").pack
_place = Struct(">iqii").pack
_version = Struct(">ihiqi").pack


@dataclass(frozen=True, slots=True)
class Staged:
    """What a transaction stores of trading: rows by stage, the quotes, the symbols and runs, and how many there are by where they count."""

    rows: dict[str, list[bytes]]
    quotes: Collection[Nbbo]
    days: set[int]  # of the quotes, since 1970
    symbols: list[str]
    by_run: dict[str, set[str]]
    given: Counter[LedgerKey]


def stage(batch: Batch) -> Staged | None:
    """None where the batch has nothing of it."""
    if not (batch.quotes or batch.orders or batch.executions):
        return None
    quotes, orders, executions = batch.quotes.values(), batch.orders.values(), batch.executions.values()
    by_run: dict[str, set[str]] = {}
    symbols: set[str] = set()
    given: Counter[LedgerKey] = Counter()
    kinds: tuple[Collection[Order | Execution | Nbbo], ...] = (quotes, orders, executions)
    for events in filter(None, kinds):
        symbols.update([event.symbol for event in events])
        for run in filter(None, {event.run for event in events}):
            by_run.setdefault(run, set()).update([event.symbol for event in events if event.run == run])
        given.update(counted(events))
    rows = {
        "stage_quotes": _pieces(_quotes(quotes)),
        "stage_orders": _pieces(map(_order, orders)),
        "stage_fills": _pieces(map(_execution, executions)),
    }
    return Staged(rows, quotes, {event.event_time // DAY for event in quotes}, sorted(symbols), by_run, given)


def _pieces(rows: Iterable[bytes]) -> list[bytes]:
    made = list(rows)
    return [b"".join(made[at : at + _CHUNK]) for at in range(0, len(made), _CHUNK)]


def _quotes(events: Iterable[Nbbo]) -> Iterator[bytes]:
    for event in events:
        origin = event.origin
        yield (
            _quote_head(event.symbol)
            + _int8(8, event.event_time - _EPOCH)
            + numeric(str(event.bid))
            + numeric(str(event.ask))
            + _envelope(event.received_at, event.run, origin.epoch, origin.partition)
            + _int8(8, origin.offset)
        )


def _order(event: Order) -> bytes:
    limit = NULL if event.limit_price is None else numeric(str(event.limit_price))
    head = _count(len(ORDERS)) + _name(event.order_id) + _pair(event.symbol, event.side) + numeric(str(event.quantity)) + limit
    return head + _tail(event)


def _execution(event: Execution) -> bytes:
    head = _count(len(FILLS)) + _name(event.trade_id) + _name(event.order_id) + _pair(event.symbol, event.side)
    return head + numeric(str(event.quantity)) + numeric(str(event.price)) + _tail(event)


def _tail(event: Order | Execution) -> bytes:
    origin = event.origin
    rank, at, content = version(event)
    return b"".join(
        (
            _int8(8, event.event_time - _EPOCH),
            text(event.destination),
            _version(2, rank, 8, at - _EPOCH, len(content)),
            content,
            _envelope(event.received_at, event.run, origin.epoch, origin.partition),
            _int8(8, origin.offset),
        )
    )


@lru_cache(maxsize=8192)
def _quote_head(symbol: str) -> bytes:
    return _count(len(QUOTES)) + text(symbol)


@lru_cache(maxsize=8192)
def _pair(symbol: str, side: str) -> bytes:
    return text(symbol) + text(side)


@lru_cache(maxsize=8192)
def _envelope(received_at: int, run: str | None, epoch: int, partition: int) -> bytes:
    """What rows that were received together share."""
    return _int8(8, received_at - _EPOCH) + text(run) + _place(8, epoch, 4, partition)


def _name(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(4, "big") + encoded


@lru_cache
def _count(columns: int) -> bytes:
    return columns.to_bytes(2, "big")
