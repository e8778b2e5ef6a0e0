"""The exchange days of a run: each bar of a day that was asked for, with its session and its place in the market's cycle. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from shared import exchange
from shared.events import Bar
from shared.phases import LONG, Standing, standing
from shared.time import to_iso


class Day(NamedTuple):
    """A row of `daily`, but for its revision."""

    source: str
    symbol: str
    day: date
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None
    trade_count: int
    adjusted: bool
    session: exchange.Session
    market_phase: str | None
    phase_reason: str
    average_50: Decimal | None
    average_200: Decimal | None
    run: str
    received_at: int  # us


_SATURDAY = 5
SAID = Day._fields[3:16]  # what of a day may be restated


def span(first: date, last: date) -> tuple[int, int]:
    """When the bars start that the days in [first, last] and their phases need: [from, to) us."""
    before = exchange.sessions_before(first, LONG)
    return exchange.start_of(before[0] if before else first), exchange.start_of(date.fromordinal(last.toordinal() + 1))


def days(bars: Sequence[Bar], first: date, last: date) -> list[Day]:
    """The days in [first, last] that have a bar, given one source's bars of a ticker in the order of their starts."""
    closes = {exchange.day_of(bar.event_time): bar.close for bar in bars}
    asked = [bar for bar in bars if first <= exchange.day_of(bar.event_time) <= last]
    sessions = [*exchange.sessions_before(first, LONG), *exchange.sessions(first, last)]
    before = {day: sessions[max(0, at - LONG) : at] for at, day in enumerate(sessions)}
    return [_day(bar, before, closes) for bar in asked]


def _day(bar: Bar, before: dict[date, list[date]], closes: dict[date, Decimal]) -> Day:
    day = exchange.day_of(bar.event_time)
    found = standing(day, before[day], closes) if day in before else Standing(None, "the exchange has no session on that day")
    prices = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap, bar.trade_count, bar.adjusted)
    phase = (found.phase, found.reason, found.short, found.long)
    return Day(bar.source, bar.symbol, day, *prices, exchange.session(day), *phase, bar.run or "", bar.received_at)


def spelled(day: Day, revision: int) -> dict[str, object]:
    """A day as its file has it: numbers with all their digits as text, times as ISO-8601."""
    found: dict[str, object] = {"ticker": day.symbol, "date": day.day.isoformat(), "source": day.source}
    for name in SAID:
        value = getattr(day, name)
        found[name] = format(value, "f") if isinstance(value, Decimal) else value
    found["phase_reason"] = day.phase_reason or None
    return found | {"revision": revision, "run_id": day.run, "received_at": to_iso(day.received_at)}


def sessions(first: date, last: date) -> dict[str, int]:
    """How many days of each kind a range has; Saturdays and Sundays are not counted."""
    kinds = [exchange.session(day) for day in weekdays(first, last)]
    return {kind: kinds.count(kind) for kind in ("regular", "early_close", "holiday")}


def weekdays(first: date, last: date) -> Iterable[date]:
    """Mondays to Fridays in [first, last]."""
    found = map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))
    return [day for day in found if day.weekday() < _SATURDAY]
