"""The past of stocks: seeded daily bars on the real trading days of New York, and the minutes that they are the sum of.

Invariant: a bar is a function of (seed, ticker, day) alone, whatever is asked for and in which order; a day's minutes sum up to it exactly.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from holidays import HALF_DAY, financial_holidays

FIRST = date(2010, 1, 4)
LAST = date(2035, 12, 31)
ZONE = ZoneInfo("America/New_York")
MS = 1000
SATURDAY = 5
# Months of rise and of fall take turns, so that every phase of a market occurs.
CYCLE, DRIFT, STEP = 260, 0.0012, 0.013


class Bar(NamedTuple):
    """One bar; prices in cents, `at` its start in Unix ms, `vwap` in hundredths of a cent."""

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int

    @property
    def vwap(self) -> int:
        return (self.open + self.high + self.low + self.close) * 25


@lru_cache(maxsize=1)
def days() -> list[date]:
    """The sessions of all those years."""
    closed = frozenset(financial_holidays("XNYS", years=range(FIRST.year, LAST.year + 1)))
    found = (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1))
    return [day for day in found if day.weekday() < SATURDAY and day not in closed]


@lru_cache(maxsize=1)
def _early() -> frozenset[date]:
    return frozenset(financial_holidays("XNYS", years=range(FIRST.year, LAST.year + 1), categories=HALF_DAY))


def minutes_of(day: date) -> int:
    """How long a session is."""
    return 210 if day in _early() else 390


def at_new_york(day: date, clock: time) -> int:
    """Unix ms of a time of a day in New York."""
    return int(datetime.combine(day, clock, ZONE).astimezone(UTC).timestamp()) * MS


@lru_cache(maxsize=64)
def _levels(seed: int, ticker: str) -> list[float]:
    """The close of each session, in cents."""
    chance = random.Random(f"{seed}/stocks/{ticker}")  # noqa: S311 a market, not a secret
    start, shift = chance.uniform(3_000, 30_000), chance.randrange(2 * CYCLE)
    steps = (1 + (DRIFT if (n + shift) // CYCLE % 2 else -DRIFT * 0.8) + STEP * chance.gauss(0, 1) for n in range(len(days())))
    return [max(level, 100.0) for level in accumulate(steps, lambda level, step: max(level * step, 100.0), initial=start)]


def daily(seed: int, ticker: str, first: date, last: date) -> list[Bar]:
    """The bars of the sessions in [first, last]; each starts at midnight."""
    held = days()
    return [_day(seed, ticker, n) for n in range(bisect_left(held, first), bisect_left(held, last + timedelta(days=1)))]


def _day(seed: int, ticker: str, number: int) -> Bar:
    day, levels = days()[number], _levels(seed, ticker)
    chance = random.Random(f"{seed}/stocks/{ticker}/{day}")  # noqa: S311 a market, not a secret
    close = round(levels[number + 1])
    opened = max(1, round(levels[number] * (1 + STEP / 3 * chance.gauss(0, 1))))
    reach = max(2, round(close * STEP * chance.random()))
    high, low = max(opened, close) + chance.randrange(reach), max(1, min(opened, close) - chance.randrange(reach))
    length = minutes_of(day)
    trades = length * chance.randrange(20, 200)
    return Bar(at_new_york(day, time()), opened, high, low, close, trades * chance.randrange(50, 150), trades)


def minutes(seed: int, ticker: str, day: date) -> list[Bar]:
    """The minutes of a session; none on other days."""
    number = bisect_left(days(), day)
    if number == len(days()) or days()[number] != day:
        return []
    whole, length = _day(seed, ticker, number), minutes_of(day)
    chance = random.Random(f"{seed}/stocks/{ticker}/{day}/minutes")  # noqa: S311 a market, not a secret
    path = [whole.open, *(chance.randint(whole.low, whole.high) for _ in range(length - 1)), whole.close]
    highest, lowest = chance.sample(range(length), 2)
    begins = at_new_york(day, time(9, 30))
    found = []
    for n in range(length):
        opened, close = path[n], path[n + 1]
        high = whole.high if n == highest else max(opened, close)
        low = whole.low if n == lowest else min(opened, close)
        share = n < length - 1
        volume = whole.volume // length if share else whole.volume - whole.volume // length * (length - 1)
        trades = whole.trades // length if share else whole.trades - whole.trades // length * (length - 1)
        found.append(Bar(begins + n * 60 * MS, opened, high, low, close, volume, trades))
    return found
