"""Pages of candles from one-minute candles: whole coarse windows, holes filled. Pure: the reader brings what is stored.

Rows are in the order (window start, source). Invariant: a window is on a page only with all its minutes, so any way of
paging gives the same rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from services.api import answers, intervals
from services.api.answers import iso, money, number
from services.api.coverage import WHOLE, Coverage, share
from shared.aggregations.candles import coarsen, vwap
from shared.events import Candle, Kind
from shared.money import ZERO
from shared.time import MINUTE, floor

Filling = Literal["none", "null", "previous"]
MINUTES_PER_PAGE = 50_000
NOBODY: Coverage = {}


class Place(NamedTuple):
    """Where a candle stands in the order of a page."""

    start: int  # of its window, us
    source: str


class Windows:
    """Collects minutes that arrive in the order (start, source) until `limit` windows are whole and another begins, or enough was read."""

    def __init__(self, interval: int, limit: int, budget: int = MINUTES_PER_PAGE) -> None:
        self._interval = interval
        self._limit = limit
        self._budget = budget
        self._open: list[Candle] = []
        self._start = -1
        self._whole: list[Candle] = []
        self._stopped = False

    def add(self, minutes: Iterable[Candle]) -> bool:
        """Takes a chunk; says whether more is wanted."""
        for minute in minutes:
            start = floor(minute.start, self._interval)
            if start != self._start:
                self._close()
                if self._enough():
                    self._stopped = True
                    return False
                self._start = start
            self._open.append(minute)
            self._budget -= 1
        return True

    def page(self) -> tuple[list[Candle], bool]:
        """The candles of the page and whether there are more; the minutes must have ended or `add` have said that it has enough."""
        self._close()
        return self._whole[: self._limit], self._stopped or len(self._whole) > self._limit

    def _close(self) -> None:
        """Every minute of the open windows has arrived."""
        self._whole += merged(self._open, self._interval)
        self._open = []

    def _enough(self) -> bool:
        return len(self._whole) >= self._limit or self._budget <= 0


def merged(minutes: Sequence[Candle], interval: int) -> list[Candle]:
    """Minutes of one symbol and kind merged to `interval`, in the order (start, source)."""
    if interval == MINUTE:
        return sorted(minutes, key=place)
    by_source: dict[str, list[Candle]] = {}
    for minute in minutes:
        by_source.setdefault(minute.source, []).append(minute)
    return sorted((candle for found in by_source.values() for candle in coarsen(found, interval)), key=place)


def place(candle: Candle) -> Place:
    """The place of a candle."""
    return Place(candle.start, candle.source)


@dataclass(frozen=True)
class Grid:
    """Every window start in [start, end) for every source, after the place `after`."""

    start: int
    end: int
    interval: int
    sources: tuple[str, ...]
    after: Place | None = None

    def places(self) -> Iterator[Place]:
        """All of them, in order; possibly very many."""
        start = self.start if self.after is None else max(self.start, self.after.start)
        for window in range(start, self.end, self.interval):
            for source in self.sources:
                found = Place(window, source)
                if self.after is None or found > self.after:
                    yield found

    def page(self, limit: int) -> tuple[list[Place], bool]:
        """The next `limit` places, fewer where their minutes would be too many to read; and whether there are more."""
        most = max(1, min(limit, MINUTES_PER_PAGE * MINUTE // self.interval))
        found = list(islice(self.places(), most + 1))
        return found[:most], len(found) > most


def fill(
    places: Sequence[Place],
    candles: Iterable[Candle],
    filling: Filling,
    closes: Mapping[str, Decimal],
    like: "Like",
    coverage: Coverage = NOBODY,
) -> list[answers.Candle]:
    """A row for each place: the candle there, or what `filling` puts in its stead.

    `closes` are the last prices before the page's first window; `candles` may hold more of that window than is on the page. No price is
    carried into a window of which something is known to be missing, nor past it.
    """
    stored = {place(candle): candle for candle in candles}
    last = {**closes, **{candle.source: candle.close for at, candle in stored.items() if at < places[0]}}
    rows: list[answers.Candle] = []
    for at in places:
        start, source = at
        candle = stored.get(at)
        known = share(coverage, source, start, start + like.interval)
        if candle is not None:
            last[source] = candle.close
            rows.append(row(candle, known, closing_known=like.closing_known))
        elif filling == "null" or (source in last and known not in (None, WHOLE)):
            last.pop(source, None)
            rows.append(like.hole(start, source, None, known))
        elif source in last:
            rows.append(like.hole(start, source, last[source], known))
    return rows


@dataclass(frozen=True)
class Like:
    """What the rows of one answer have in common."""

    symbol: str
    kind: Kind
    interval: int
    closing_known: bool = True

    def hole(self, start: int, source: str, price: Decimal | None, known: bytes | None = None) -> answers.Candle:
        """A window without ticks; with a price, nothing was traded at it and its volume is known to be zero."""
        same = money(price)
        volume = number(ZERO) if price is not None and self.kind in ("trade", "bar") else None
        window = intervals.name(self.interval), iso(start), iso(start + self.interval)
        prices, counts, ends = (same, same, same, same), (0, 0), (None, None)
        volumes = volume, volume, None
        return answers.Candle(
            source,
            self.symbol,
            self.kind,
            *window,
            *prices,
            *volumes,
            *counts,
            volume,
            volume,
            *ends,
            None,
            0,
            0,
            filled=True,
            coverage=None if known is None else msgspec.Raw(known),
        )


def row(candle: Candle, known: bytes | None = None, *, closing_known: bool = True) -> answers.Candle:
    """The answer's row of a candle, `known` being its coverage."""
    return answers.Candle(
        candle.source,
        candle.symbol,
        candle.kind,
        intervals.name(candle.interval),
        iso(candle.start),
        iso(candle.end),
        number(candle.open),
        number(candle.high),
        number(candle.low),
        number(candle.close),
        money(candle.volume),
        money(candle.quote_volume),
        money(vwap(candle)),
        candle.trade_count,
        candle.tick_count,
        money(candle.buy_volume),
        money(candle.sell_volume),
        _place(candle.first),
        _place(candle.last),
        candle.is_closed if closing_known else None,
        candle.late_count,
        candle.revision,
        filled=False,
        coverage=None if known is None else msgspec.Raw(known),
    )


def _place(at: tuple[int, int, str]) -> answers.Place:
    return answers.Place(iso(at[0]), at[1], at[2])
