"""Reads a page of candles: what is stored, or what was known at a time, coarser and filled as the request says.

Invariant: with `as_of`, only ticks received by then count, so a replay, a late tick or a correction changes no answer.
"""

from collections.abc import Sequence
from decimal import Decimal

import asyncpg
import msgspec

from services.api import answers, intervals, queries, records
from services.api.candles import Filling, Grid, Like, Place, Windows, fill, merged, place, row
from services.api.problems import Invalid
from services.api.queries import Store
from shared.aggregations.candles import Key, fold, merge
from shared.events import Candle, Kind
from shared.time import LATEST, MINUTE, floor

Page = tuple[list[answers.Candle], Place | None]


class Query(msgspec.Struct, frozen=True):
    """A page of candles; `start` is read at the start of its window, windows that start before `end` belong to the answer."""

    symbol: str
    source: str | None
    kind: Kind
    interval: int  # us
    start: int | None
    end: int | None
    limit: int
    filling: Filling
    as_of: int | None
    as_of_ticks: int
    after: Place | None

    def first(self) -> int:
        """The start of the first window that can be on the page."""
        start = floor(self.start or 0, self.interval)
        return start if self.after is None else max(start, self.after.start)

    def like(self) -> Like:
        """What the rows have in common."""
        return Like(self.symbol, self.kind, self.interval, closing_known=self.as_of is None)


async def read(store: Store, query: Query) -> Page:
    """The rows of the page, and the place it ends at if there are more."""
    return await (_windows(store, query) if query.filling == "none" else _filled(store, query))


async def _windows(store: Store, query: Query) -> Page:
    """Windows with ticks only."""
    end = LATEST if query.end is None else intervals.ceiling(query.end, query.interval)
    start, edge, source = query.first(), query.first(), ""
    if query.after is not None and query.after.start >= start:
        edge, source = query.after.start + query.interval, query.after.source
    windows = Windows(query.interval, query.limit)
    sql = queries.MINUTES if query.source is None else queries.MINUTES_OF_SOURCE
    values = query.symbol, query.kind, start, end, edge, source, query.source
    if query.interval == MINUTE:
        windows.add(map(records.minute, await store.fetch(sql, *values, query.limit + 1)))
    else:
        await store.scan(sql, *values, None, take=lambda rows: windows.add(map(records.minute, rows)))
    found, more = windows.page()
    ends_at = place(found[-1]) if more else None
    if query.as_of is not None and found:
        found = await _known(store, query, found)
    closing_known = query.as_of is None
    return [row(candle, closing_known=closing_known) for candle in found], ends_at


async def _known(store: Store, query: Query, stored: Sequence[Candle]) -> list[Candle]:
    """Candles over the windows of `stored`, of the ticks that had been received by `as_of`."""
    ticks = sum(candle.tick_count for candle in stored)
    if ticks > query.as_of_ticks:
        fault = f"this page's windows hold {ticks} ticks, at most {query.as_of_ticks} are folded at a time"
        raise Invalid("as_of", f"{fault}; ask for a lower limit, a shorter range or a shorter interval")
    start, end = stored[0].start, stored[-1].end
    sources = sorted({candle.source for candle in stored})
    known: dict[Key, Candle] = {}

    def take(rows: Sequence[asyncpg.Record]) -> bool:
        for key, candle in fold(map(records.fact, rows)).items():
            known[key] = merge(known[key], candle) if key in known else candle
        return True

    days = queries.day(start), queries.day(end - 1)
    await store.scan(queries.TICKS_AS_OF, query.symbol, query.kind, sources, start, end, *days, query.as_of, take=take)
    places = {place(candle) for candle in stored}
    minutes = sorted(known.values(), key=place)
    return [candle for candle in merged(minutes, query.interval) if place(candle) in places]


async def _filled(store: Store, query: Query) -> Page:
    """Every window from `start` to `end`, for every source that has ticks of the symbol."""
    extent = await store.fetch(queries.EXTENT, query.symbol, query.kind, query.source)
    if not extent:
        return [], None
    start, sources = floor(query.start or 0, query.interval), tuple(found[0] for found in extent)
    if query.filling == "previous":
        start = max(start, floor(min(found[1] for found in extent), query.interval))
    end = max(found[2] for found in extent) + 1 if query.end is None else query.end
    places, more = Grid(start, end, query.interval, sources, query.after).page(query.limit)
    if not places:
        return [], None
    candles = await _between(store, query, places[0].start, places[-1].start + query.interval)
    closes = await _closes(store, query, places[0].start, sources) if query.filling == "previous" else {}
    rows = fill(places, candles, query.filling, closes, query.like())
    return rows, places[-1] if more else None


async def _between(store: Store, query: Query, start: int, end: int) -> list[Candle]:
    """All candles of the windows in [start, end)."""
    sql = queries.MINUTES if query.source is None else queries.MINUTES_OF_SOURCE
    rows = await store.fetch(sql, query.symbol, query.kind, start, end, start, "", query.source, None)
    candles = merged([records.minute(found) for found in rows], query.interval)
    return await _known(store, query, candles) if query.as_of is not None and candles else candles


async def _closes(store: Store, query: Query, before: int, sources: Sequence[str]) -> dict[str, Decimal]:
    """The last price of each source before a time, as it was known."""
    if query.as_of is None:
        rows = await store.fetch(queries.CLOSES_BEFORE, query.symbol, query.kind, sources, before)
        return {found[0]: found[1] for found in rows}
    values = query.symbol, query.kind, sources, before, queries.day(before), query.as_of
    return records.closes(await store.fetch(queries.TICKS_BEFORE_AS_OF, *values))
