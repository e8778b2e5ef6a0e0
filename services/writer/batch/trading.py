"""Orders, executions and quotes: of an id the greatest version, of a quote one copy."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from services.writer.batch.contents import Batch, Place, ledger_key
from services.writer.batch.reading import decoded, news
from shared.events import Execution, Nbbo, Order, TradingRecord
from shared.records import Record
from shared.trading.versions import version

Version = TypeVar("Version", Order, Execution)
_tradings = msgspec.json.Decoder(list[TradingRecord]).decode
_trading = msgspec.json.Decoder(TradingRecord).decode


def take_trading(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """Distinct events by their ids, and quotes by their values."""
    quotes, orders, executions = batch.quotes, batch.orders, batch.executions
    for event in news(batch, place, decoded(batch, place, records, _tradings, _trading)):
        if isinstance(event, Nbbo):
            held = quotes.setdefault((event.symbol, event.event_time), event)
            if held is not event and not _is_another(batch, held, event):
                batch.duplicates[ledger_key(event)] += 1
        elif isinstance(event, Order):
            if orders.setdefault(event.order_id, event) is not event:
                _take_version(batch, orders, event.order_id, event)
        elif executions.setdefault(event.trade_id, event) is not event:
            _take_version(batch, executions, event.trade_id, event)


def _is_another(batch: Batch, held: Nbbo, event: Nbbo) -> bool:
    """Whether a quote of the same time is kept beside it: only those have their values in their key, since decimals are dear to hash."""
    if (held.bid, held.ask) == (event.bid, event.ask):
        return False
    return batch.quotes.setdefault((event.symbol, event.event_time, event.bid, event.ask), event) is event


def _take_version(batch: Batch, known: dict[str, Version], key: str, event: Version) -> None:
    """Of two versions of an id the greater one is kept."""
    held = known[key]
    kept, dropped = (event, held) if version(event) > version(held) else (held, event)
    known[key] = kept
    batch.duplicates[ledger_key(dropped)] += 1
