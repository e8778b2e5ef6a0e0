"""The days of the New York stock exchange: which are sessions, which end early, and which instant belongs to which.

Closures and early closes are those of the package `holidays` (XNYS), the unscheduled ones included: it is updated as they are announced.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from holidays import HALF_DAY, financial_holidays

from shared.time import from_datetime, to_datetime

Session = Literal["regular", "early_close", "holiday"]
ZONE = ZoneInfo("America/New_York")
OPEN, CLOSE, EARLY_CLOSE = time(9, 30), time(16), time(13)
FIRST = date(1970, 1, 1)  # there were sessions on some Saturdays and a Wednesday without any before
_ONE = timedelta(days=1)
_SATURDAY = 5


def session(day: date) -> Session:
    """What the exchange does on a day; `holiday` is any day without a session, a Saturday too."""
    if day.weekday() >= _SATURDAY or day in _closed(day.year):
        return "holiday"
    return "early_close" if day in _early(day.year) else "regular"


def sessions(first: date, last: date) -> list[date]:
    """The days with a session in [first, last]."""
    found = (first + n * _ONE for n in range((last - first).days + 1))
    return [day for day in found if session(day) != "holiday"]


def sessions_before(day: date, count: int) -> list[date]:
    """The last `count` sessions before a day, in order; fewer where the calendar begins."""
    found: list[date] = []
    while len(found) < count and day > FIRST:
        day -= _ONE
        if session(day) != "holiday":
            found.append(day)
    return found[::-1]


def day_of(us: int) -> date:
    """The day it is in New York at an instant."""
    return to_datetime(us).astimezone(ZONE).date()


def start_of(day: date) -> int:
    """The first instant of a day in New York, us: 05:00 UTC, or 04:00 while daylight is saved."""
    return from_datetime(datetime.combine(day, time(), ZONE).astimezone(UTC))


def hours(day: date) -> tuple[int, int] | None:
    """When a day's session opens and closes, us; None where there is none."""
    kind = session(day)
    if kind == "holiday":
        return None
    close = EARLY_CLOSE if kind == "early_close" else CLOSE
    opened, closed = (from_datetime(datetime.combine(day, at, ZONE).astimezone(UTC)) for at in (OPEN, close))
    return opened, closed


@lru_cache(maxsize=256)
def _closed(year: int) -> frozenset[date]:
    return frozenset(financial_holidays("XNYS", years=year))


@lru_cache(maxsize=256)
def _early(year: int) -> frozenset[date]:
    return frozenset(financial_holidays("XNYS", years=year, categories=HALF_DAY))
