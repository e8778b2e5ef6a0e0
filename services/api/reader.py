"""Reads a page of candles: what is stored, or what was known at a time, coarser and filled as the request says.

Invariant: with `as_of`, only ticks received by then count, so a replay, a late tick or a correction changes no answer.
"""

from collections.abc import Sequence
from decimal import Decimal

import asyncpg
import msgspec

from services.api import answers, intervals, queries, records
from services.api.candles import Filling, Grid, Like, Place, Windows, fill, merged, place, row
from services.api.coverage import Coverage, covered, share
from services.api.kept import ROW_BYTES
from services.api.problems import Invalid
from services.api.store import Made, Store
from shared.aggregations.candles import Key, fold, merge
from shared.events import Candle, Kind
from shared.time import LATEST, MINUTE, floor

Page = tuple[Sequence[answers.Candle] | msgspec.Raw, Place | None]


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

    def stored(self) -> tuple[str, Kind, int, int, int, str, str | None]:
        """What is asked of the store: the minutes from the page's first window on."""
        end = LATEST if self.end is None else intervals.ceiling(self.end, self.interval)
        start, edge, source = self.first(), self.first(), ""
        if self.after is not None and self.after.start >= start:
            edge, source = self.after.start + self.interval, self.after.source
        return self.symbol, self.kind, start, end, edge, source, self.source

    def like(self) -> Like:
        """What the rows have in common."""
        return Like(self.symbol, self.kind, self.interval, closing_known=self.as_of is None)


async def read(store: Store, query: Query) -> Page:
    """The rows of the page, and the place it ends at if there are more.

    Coverage is read first: what is repaired meanwhile is told as missing, never the other way round.
    """
    coverage = await _coverage(store, query)
    if query.filling != "none":
        return await _filled(store, query, coverage)
    if query.interval == MINUTE and query.as_of is None:
        return await _minutes(store, query, coverage)
    return await _windows(store, query, coverage)


async def _coverage(store: Store, query: Query) -> Coverage:
    """What is known of the live sources, not older than a second; nothing with `as_of`, since it is kept as it is now."""
    if query.as_of is not None:
        return {}
    of = query.symbol, query.kind
    known = store.coverage.get(of)
    if known is None:
        rows = await store.fetch(queries.COVERAGE, *of)
        known = store.coverage.put(of, {row["source"]: covered(row["begun_at"], row["at"], row["holes"] or ()) for row in rows})
    return known


async def _minutes(store: Store, query: Query, coverage: Coverage) -> Made:
    """The page that was made of the same states of its minutes before, or one made anew."""
    values = *query.stored(), query.limit + 1
    start, end = values[2], values[3]
    ((stamp,),) = await store.fetch(queries.STAMP if query.source is None else queries.STAMP_OF_SOURCE, *values)
    of = values, stamp, *((source, known.within(start, end)) for source, known in coverage.items())
    if (page := store.pages.get(of)) is not None:
        return page
    page = await _made(store, query, coverage)
    return store.pages.put(of, page, 1 + memoryview(page[0]).nbytes // ROW_BYTES)


async def _made(store: Store, query: Query, coverage: Coverage) -> Made:
    """Minutes as they are stored, read and made anew from the first that changed since it was last asked for.

    A page is of one snapshot: where a minute before that one changed meanwhile, the page is read once more, from there.
    """
    values = *query.stored(), query.limit + 1
    of_source = query.source is not None
    found = await store.fetch(queries.VERSIONS_OF_SOURCE if of_source else queries.VERSIONS, *values)
    rows = [store.candles.get(_version(query, minute, coverage)) for minute in found]
    while None in rows:
        since = found[rows.index(None)]["start"]
        found = await store.fetch(queries.MINUTES_OF_SOURCE if of_source else queries.MINUTES, *values, since)
        rows = [_encoded(store, minute, _version(query, minute, coverage), since) for minute in found]
    page = [known for known in rows[: query.limit] if known is not None]
    if len(found) <= query.limit:
        return answers.together(page), None
    last = found[query.limit - 1]
    return answers.together(page), Place(last["start"], last["source"])


Version = tuple[str, str, int, str, int, bytes | None]


def _version(query: Query, minute: asyncpg.Record, coverage: Coverage) -> Version:
    """All that a minute's row is made of."""
    start, source, written = minute["start"], minute["source"], minute["xmin"]
    return query.symbol, query.kind, start, source, written, share(coverage, source, start, start + MINUTE)


def _encoded(store: Store, minute: asyncpg.Record, version: Version, since: int) -> msgspec.Raw | None:
    """The row of a stored minute, made and kept where it came with its values."""
    known = store.candles.get(version)
    if known is None and minute["start"] >= since:
        return store.candles.put(version, answers.encoded(row(records.minute(minute), version[-1])))
    return known


async def _windows(store: Store, query: Query, coverage: Coverage) -> Page:
    """Windows with ticks only."""
    windows = Windows(query.interval, query.limit)
    sql = queries.MINUTES if query.source is None else queries.MINUTES_OF_SOURCE
    await store.scan(sql, *query.stored(), None, 0, take=lambda rows: windows.add(map(records.minute, rows)))
    found, more = windows.page()
    ends_at = place(found[-1]) if more else None
    if query.as_of is not None and found:
        found = await _known(store, query, found)
    closing_known = query.as_of is None
    shares = [share(coverage, candle.source, candle.start, candle.end) for candle in found]
    return [row(candle, known, closing_known=closing_known) for candle, known in zip(found, shares, strict=True)], ends_at


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

    await store.scan(queries.TICKS_AS_OF, query.symbol, query.kind, sources, start, end, query.as_of, take=take)
    places = {place(candle) for candle in stored}
    minutes = sorted(known.values(), key=place)
    return [candle for candle in merged(minutes, query.interval) if place(candle) in places]


async def _filled(store: Store, query: Query, coverage: Coverage) -> Page:
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
    rows = fill(places, candles, query.filling, closes, query.like(), coverage)
    return rows, places[-1] if more else None


async def _between(store: Store, query: Query, start: int, end: int) -> list[Candle]:
    """All candles of the windows in [start, end)."""
    sql = queries.MINUTES if query.source is None else queries.MINUTES_OF_SOURCE
    rows = await store.fetch(sql, query.symbol, query.kind, start, end, start, "", query.source, None, start)
    candles = merged([records.minute(found) for found in rows], query.interval)
    return await _known(store, query, candles) if query.as_of is not None and candles else candles


async def _closes(store: Store, query: Query, before: int, sources: Sequence[str]) -> dict[str, Decimal]:
    """The last price of each source before a time, as it was known."""
    if query.as_of is None:
        rows = await store.fetch(queries.CLOSES_BEFORE, query.symbol, query.kind, sources, before)
        return {found[0]: found[1] for found in rows}
    values = query.symbol, query.kind, sources, before, query.as_of
    return records.closes(await store.fetch(queries.TICKS_BEFORE_AS_OF, *values))
