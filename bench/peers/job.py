"""What a peer is told, and what it tells: standard library only.

Candles go to `out` as JSON `{symbol, start (ms), open, high, low, close, volume, vwap, count}`. The clock runs from the first record
processed to the last.
"""

import json
import os
import sys
import time
from typing import Any, NamedTuple

WINDOW_MS = 60_000
GRACE_MS = 5_000

# Open, high, low, close, volume, price times size, count, first and last event time.
Bar = list[Any]


class Job(NamedTuple):
    """A run: `group` is new, `folder` is the peer's to keep state in."""

    bootstrap: str
    topic: str
    out: str
    records: int
    group: str
    folder: str

    @classmethod
    def given(cls) -> "Job":
        """From the command line."""
        bootstrap, topic, out, records, group, folder = sys.argv[1:7]
        return cls(bootstrap, topic, out, int(records), group, folder)


class Progress:
    """Counts records up to the job's; `add` says when the last one is in."""

    def __init__(self, count: int) -> None:
        self._wanted, self._seen = count, 0
        self._first = self._last = 0.0

    @property
    def done(self) -> bool:
        """Whether all have come."""
        return self._seen >= self._wanted

    def begin(self) -> None:
        """The first record is there."""
        self._first = self._first or time.time()

    def add(self, records: int = 1) -> bool:
        """More records are processed."""
        self.begin()
        self._seen += records
        if self.done and not self._last:
            self._last = time.time()
        return self.done

    def tell(self) -> None:
        """Prints the line that the benchmarks read, past whatever a framework has put in the place of stdout."""
        tell(self._seen, self._first, self._last or time.time())


def tell(count: int, first: float, last: float) -> None:
    """Prints how many records were worked on and in what time."""
    os.write(1, f"\nBENCH {json.dumps({'count': count, 'first': first, 'last': last})}\n".encode())


def bar(price: float, size: float, at: int) -> Bar:
    """A window's first trade."""
    return [price, price, price, price, size, price * size, 1, at, at]


def grow(bars: Bar, price: float, size: float, at: int) -> Bar:
    """A further trade, in place."""
    if at < bars[7]:
        bars[0], bars[7] = price, at
    if price > bars[1]:
        bars[1] = price
    elif price < bars[2]:
        bars[2] = price
    if at >= bars[8]:
        bars[3], bars[8] = price, at
    bars[4] += size
    bars[5] += price * size
    bars[6] += 1
    return bars


def candle(symbol: str, start: int, bars: Bar) -> dict[str, Any]:
    """A window as it is published."""
    names = ("open", "high", "low", "close", "volume")
    return {"symbol": symbol, "start": start, **dict(zip(names, bars, strict=False)), "vwap": bars[5] / bars[4], "count": bars[6]}
