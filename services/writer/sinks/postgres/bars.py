"""Bars and their candles. A venue restates a bar by saying another of the same start: the newest copy holds, whatever the order of arrival.

A source's bars have one length and start on whole minutes, so a candle of bars is the fold of one bar: it is replaced with it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import asyncpg

from services.writer.batch import FactKey, LedgerKey, content, ledger_key
from services.writer.sinks.postgres import candles, latest, outbox, runs
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.facts import gather
from shared.events import Bar, Origin
from shared.time import from_datetime, to_datetime

_COLUMNS = (
    "source symbol start id width open high low close volume vwap trade_count adjusted native_symbol received_at content "
    "late run epoch raw_partition raw_offset raw_index"
).split()
_TYPES = (
    "text text timestamptz text bigint numeric numeric numeric numeric numeric numeric bigint boolean text timestamptz bytea "
    "boolean text bigint integer bigint integer"
).split()
_VALUES = _COLUMNS[3:]
_UPSERT = f"""
INSERT INTO bars AS b ({", ".join(_COLUMNS)})
SELECT * FROM unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_TYPES, 1))}) ORDER BY 1, 2, 3
ON CONFLICT (source, symbol, start) DO UPDATE SET ({", ".join(_VALUES)}) = ({", ".join("excluded." + name for name in _VALUES)})
WHERE (excluded.received_at, excluded.epoch, excluded.raw_partition, excluded.raw_offset, excluded.raw_index)
    > (b.received_at, b.epoch, b.raw_partition, b.raw_offset, b.raw_index)
RETURNING source, symbol, start, xmax = 0 AS is_new
"""
_BETWEEN = "SELECT * FROM bars WHERE source = $1 AND symbol = $2 AND start >= $3 AND start < $4 ORDER BY start"
Counts = Mapping[str, Counter[LedgerKey]]


async def store(connection: Connection, bars: Mapping[FactKey, Bar], counts: Counts) -> None:
    """Stores bars and puts the candles of those that now hold in place."""
    rows = [_row(bar) for bar in bars.values()]
    found = await connection.fetch(_UPSERT, *(list(column) for column in zip(*rows, strict=True)))
    held = {(row["source"], row["symbol"], from_datetime(row["start"])): row["is_new"] for row in found}
    kept = []
    for bar in bars.values():
        is_new = held.get((bar.source, bar.symbol, bar.event_time))
        counts["stored" if is_new else "duplicate"][ledger_key(bar)] += 1
        counts["late"][ledger_key(bar)] += bool(is_new) and bar.late
        if is_new is not None:
            kept.append(bar)
    if kept:
        await _fold(connection, kept)


async def _fold(connection: Connection, kept: Collection[Bar]) -> None:
    gathered = gather(kept)
    folded = gathered.partials
    untold = gathered.untold | await candles.refold(connection, folded.keys(), folded, gathered.live)
    await latest.update(connection, gathered.newest)
    for run in sorted(await runs.unfinished(connection, gathered.by_run.keys())) if gathered.by_run else ():
        await candles.hold(connection, run, gathered.by_run[run])
    await candles.reclose(connection, folded.keys())
    if untold:
        await outbox.put(connection, [outbox.candle(found) for found in await candles.read(connection, untold)])


async def between(connection: Connection, source: str, symbol: str, start: int, end: int) -> list[Bar]:
    """The stored bars of a source's symbol that start in [start, end) us, in order."""
    return [bar(row) for row in await connection.fetch(_BETWEEN, source, symbol, to_datetime(start), to_datetime(end))]


def bar(found: asyncpg.Record) -> Bar:
    """A row of `bars` as the event it came from."""
    names = ("open", "high", "low", "close", "volume", "vwap", "trade_count", "adjusted", "source", "late", "run")
    known: dict[str, Any] = {name: found[name] for name in names}
    origin = Origin(found["epoch"], found["raw_partition"], found["raw_offset"], found["raw_index"])
    known |= {"native_symbol": found["native_symbol"], "bar_id": found["id"], "interval": found["width"], "origin": origin}
    times = from_datetime(found["start"]), from_datetime(found["received_at"])
    return Bar(symbol=found["symbol"], event_time=times[0], received_at=times[1], sequence=times[1], **known)


def _row(bar: Bar) -> tuple[Any, ...]:
    values = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap, bar.trade_count, bar.adjusted, bar.native_symbol)
    at = bar.origin
    place = (bar.late, bar.run, at.epoch, at.partition, at.offset, at.index)
    start = (bar.source, bar.symbol, to_datetime(bar.event_time), bar.bar_id, bar.interval)
    return (*start, *values, to_datetime(bar.received_at), content(bar), *place)
