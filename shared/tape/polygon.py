"""Polygon (Massive): the bars of minutes by /v2/aggs, as `shared.providers.polygon` reads them; a bar's id is the number of its minute.

A minute without a trade has no bar, so a page of a range is all there is of it. It is asked for from the minute before on: that one may
have been restated meanwhile.
"""

from collections.abc import Sequence
from urllib.parse import quote

from shared.errors import Rejected
from shared.events import Fact
from shared.providers import polygon
from shared.tape.asking import Asked, Wanted

REST, BUDGET, PAGE = polygon.REST, polygon.BUDGET, polygon.PAGE
CHANNELS = ("AM",)
MINUTE_MS = 60_000


def page(base: str, wanted: Wanted) -> Asked:
    """The range's minutes, and the one before."""
    return _asked(base, wanted.native, wanted.first - 1, wanted.last)


def following(base: str, native: str, channel: str, last: int, at: int) -> Asked:
    """The minutes behind, as many as fit a page."""
    return _asked(base, native, last + 1, last + PAGE)


def newest(base: str, native: str, channel: str) -> Asked:
    """Not asked for of bars, which have no id to begin with."""
    raise NotImplementedError("bars are taken as they come")


def parse(payload: bytes, native: str) -> Sequence[Fact | Rejected]:
    """Bars."""
    return polygon.MINUTES.parse(payload)


def _asked(base: str, native: str, first: int, last: int) -> Asked:
    span = f"{first * MINUTE_MS}/{last * MINUTE_MS}"
    return Asked(f"{base}/v2/aggs/ticker/{quote(native, safe='')}/range/1/minute/{span}?adjusted=true&sort=asc&limit={PAGE}")
