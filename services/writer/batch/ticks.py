"""Ticks, bars and market info: of several copies of a fact one holds, whatever their order of arrival."""

from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b

import msgspec

from services.writer.batch.contents import Batch, Place, fact_key, ledger_key
from services.writer.batch.reading import decoded, news
from shared.events import Bar, IndexPrice, MarketInfo, Origin, Quote, Tick, TickRecord, Trade
from shared.identity import normal
from shared.records import Record

_ticks = msgspec.json.Decoder(list[TickRecord]).decode
_tick = msgspec.json.Decoder(TickRecord).decode


def take_ticks(batch: Batch, place: Place, records: Sequence[Record]) -> None:
    """Distinct facts by their keys."""
    for event in news(batch, place, decoded(batch, place, records, _ticks, _tick)):
        if isinstance(event, MarketInfo):
            _take_info(batch, event)
        else:
            _take(batch, event)


def _take_info(batch: Batch, info: MarketInfo) -> None:
    key = info.source, info.symbol, info.event_time, info.info_id
    known = batch.infos.setdefault(key, info)
    if known is not info:
        kept, dropped = (info, known) if info.received_at < known.received_at else (known, info)
        batch.infos[key] = kept
        batch.duplicates[ledger_key(dropped)] += 1


def _take(batch: Batch, tick: Tick) -> None:
    if isinstance(tick, Bar):
        _take_bar(batch, tick)
        return
    key = fact_key(tick)
    known = batch.facts.get(key)
    if known is None:
        batch.facts[key] = tick
        return
    kept, dropped = (tick, known) if precedence(tick) < precedence(known) else (known, tick)
    batch.facts[key] = kept
    batch.duplicates[ledger_key(dropped)] += 1


def _take_bar(batch: Batch, bar: Bar) -> None:
    held = batch.bars.setdefault(fact_key(bar), bar)
    if held is not bar:
        batch.bars[fact_key(bar)], dropped = (bar, held) if _said(bar) > _said(held) else (held, bar)
        batch.duplicates[ledger_key(dropped)] += 1


def _said(bar: Bar) -> tuple[int, Origin]:
    """Of several copies of a bar, which is restated, the last one holds: two of one millisecond in the order of the log."""
    return bar.received_at, bar.origin


def precedence(tick: Tick) -> tuple[int, bytes]:
    """Of several copies of a fact the least holds, whatever their order of arrival."""
    return tick.received_at, content(tick)


def content(tick: Tick) -> bytes:
    """A hash of the values a venue could have restated."""
    if isinstance(tick, Trade):
        values: tuple[object, ...] = (tick.event_time, tick.sequence, tick.price, tick.size, tick.side)
    elif isinstance(tick, Quote):
        values = (tick.event_time, tick.sequence, tick.bid, tick.ask, tick.bid_size, tick.ask_size)
    elif isinstance(tick, Bar):
        values = (tick.open, tick.high, tick.low, tick.close, tick.volume, tick.vwap, tick.trade_count, tick.adjusted)
    else:
        index: IndexPrice = tick
        values = (index.event_time, index.sequence, index.price)
    spelled = [normal(value) if value is None or isinstance(value, Decimal) else str(value) for value in values]
    return blake2b("\x1f".join(spelled).encode(), digest_size=8).digest()
