"""Orders, executions and quotes of a batch as rows of their stages, in binary COPY format. Pure, made beside the transaction before."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from struct import Struct

from services.writer.batch import Batch, LedgerKey, counted
from services.writer.sinks.postgres.binary import NULL, numeric, text
from services.writer.sinks.postgres.pricing import Fill, Series, series
from shared.events import Execution, Nbbo, Order
from shared.time import DAY, from_datetime
from shared.trading.versions import RANKS, digest

_ENVELOPE = "received_at run epoch raw_partition raw_offset"
_VERSION = "action action_time content"
QUOTES = f"symbol event_time bid ask {_ENVELOPE}".split()
ORDERS = f"order_id symbol side quantity limit_price event_time destination {_VERSION} {_ENVELOPE}".split()
FILLS = f"trade_id order_id symbol side quantity price event_time destination {_VERSION} {_ENVELOPE}".split()
PRICED = [*FILLS, "quote_time", "bid", "ask"]
_EPOCH = from_datetime(datetime(2000, 1, 1, tzinfo=UTC))
_CHUNK = 500
_trade_id, _whose = attrgetter("trade_id"), attrgetter("symbol", "run")
_int8 = Struct(">iq").pack
_place = Struct(">iqii").pack
_version = Struct(">ihiqi").pack


@dataclass(frozen=True, slots=True)
class Staged:
    """What a transaction stores of trading: quotes, orders and fills; their symbols and runs; how many there are by where they count."""

    quotes: Collection[Nbbo]
    quote_rows: list[bytes]
    series: dict[str, Series]
    order_rows: list[bytes]
    fills: list[Fill]
    days: set[int]  # of the quotes, since 1970
    symbols: list[str]
    by_run: dict[str, set[str]]
    given: Counter[LedgerKey]


def stage(batch: Batch) -> Staged | None:
    """Takes them out of the batch; None where it has nothing of it."""
    if not (batch.quotes or batch.orders or batch.executions):
        return None
    quotes, orders, executions = list(batch.quotes.values()), batch.orders.values(), sorted(batch.executions.values(), key=_trade_id)
    by_run: dict[str, set[str]] = {}
    symbols: set[str] = set()
    given: Counter[LedgerKey] = Counter()
    kinds: tuple[Collection[Order | Execution | Nbbo], ...] = (quotes, orders, executions)
    for events in filter(None, kinds):
        for symbol, run in set(map(_whose, events)):
            symbols.add(symbol)
            if run is not None:
                by_run.setdefault(run, set()).add(symbol)
        given.update(counted(events))
    columns = [quoted(event.event_time, event.bid, event.ask) for event in quotes]
    known = series(zip(quotes, columns, strict=True))
    staged = Staged(
        quotes,
        pieces(map(_quote, quotes, columns)),
        known,
        pieces(map(_order, orders)),
        [_fill(event, known.get(event.symbol)) for event in executions],
        {event.event_time // DAY for event in quotes},
        sorted(symbols),
        by_run,
        given,
    )
    for taken in (batch.quotes, batch.orders, batch.executions):
        taken.clear()
    return staged


def pieces(rows: Iterable[bytes]) -> list[bytes]:
    """Rows joined to what is handed over at once."""
    made = list(rows)
    return [b"".join(made[at : at + _CHUNK]) for at in range(0, len(made), _CHUNK)]


def staged_rows(fills: Iterable[Fill]) -> list[bytes]:
    """Fills as rows of their stage, without quotes."""
    count = _count(len(FILLS))
    return pieces(count + fill.columns for fill in fills)


def priced_rows(rows: Iterable[bytes]) -> list[bytes]:
    """Columns of priced fills as rows of `fills`."""
    count = _count(len(PRICED))
    return pieces(count + columns for columns in rows)


def quoted(event_time: int, bid: Decimal, ask: Decimal) -> bytes:
    """A quote's time and values as three columns."""
    return _int8(8, event_time - _EPOCH) + numeric(str(bid)) + numeric(str(ask))


def _quote(event: Nbbo, columns: bytes) -> bytes:
    origin = event.origin
    envelope = _envelope(event.received_at, event.run, origin.epoch, origin.partition)
    return _quote_head(event.symbol) + columns + envelope + _int8(8, origin.offset)


def _order(event: Order) -> bytes:
    limit = "" if event.limit_price is None else str(event.limit_price)
    return _count(len(ORDERS)) + _name(event.order_id) + b"".join(_values(event, str(event.quantity), limit))


def _fill(event: Execution, known: Series | None) -> Fill:
    values = _values(event, str(event.quantity), str(event.price))
    columns = b"".join((_name(event.trade_id), _name(event.order_id), *values))
    return Fill(event, columns, known.at(event.event_time) if known else None)


def _values(event: Order | Execution, quantity: str, price: str) -> tuple[bytes, ...]:
    """What orders and executions have in common, from the symbol on; an empty price is null."""
    origin, at, symbol, side, destination = event.origin, event.event_time, event.symbol, event.side, event.destination
    content = digest(event.order_id, symbol, side, quantity, price, at, destination)
    return (
        _pair(symbol, side),
        numeric(quantity),
        numeric(price) if price else NULL,
        _int8(8, at - _EPOCH),
        text(destination),
        _version(2, RANKS[event.action], 8, event.action_time - _EPOCH, len(content)),
        content,
        _envelope(event.received_at, event.run, origin.epoch, origin.partition),
        _int8(8, origin.offset),
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
