"""The stream of stocks: past sessions played minute by minute, with trades and quotes that come to each minute's bar.

It begins with the first subscription. Every minute of some tickers is told a little wrong first and restated a minute later, as venues do.
Invariant: what the last word on each bar says is what a request for the past answers; times are those of the session that is played.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from datetime import date

from deploy.simulator import stocks
from deploy.simulator.stocks import Bar
from deploy.simulator.venue import Stream

QUARTERS = 4  # a minute: its open, high, low and close are traded in turn
TOGETHER = 100  # events a frame
RESTATED = 25  # of so many tickers one has its bars restated


class Tape:
    """`advance` says which quarters of minutes have passed; `frames` what a listener to some streams is told of one."""

    def __init__(self, seed: int, day: date, minute_us: int, minutes: int = 0) -> None:
        """Plays from the session of `day` (or the next) on, a minute in `minute_us`, `minutes` of them (0: without an end)."""
        self._seed, self._pace, self._end = seed, max(minute_us // QUARTERS, 1), minutes * QUARTERS
        self._first = bisect_left(stocks.days(), day)
        self._began: int | None = None
        self._position = 0
        self._lengths: list[int] = []
        self._bars: dict[str, tuple[date, list[Bar]]] = {}

    def advance(self, now: int, listened: Collection[Stream]) -> range:
        """The quarters that have passed since this was last asked, at `now` us; none before somebody listens and its bars are at hand."""
        if self._began is None:
            unknown = [stream.symbol for stream in listened if stream.symbol not in self._bars]
            for ticker in unknown[:TOGETHER]:
                self.bar(ticker, 0)
            self._began = now if listened and not unknown else None
            return range(0)
        upto = (now - self._began) // self._pace
        if self._end:
            upto = min(upto, self._end)
        passed, self._position = range(self._position, upto), upto
        return passed

    def frames(self, quarter: int, streams: Collection[Stream]) -> Iterator[bytes]:
        """What is told at the end of this quarter."""
        events = [event for stream in sorted(streams) for event in self._events(quarter, stream)]
        for at in range(0, len(events), TOGETHER):
            yield b"[%b]" % b",".join(events[at : at + TOGETHER])

    def bar(self, ticker: str, minute: int) -> Bar:
        """The bar of the n-th minute that is played."""
        day, within = self._place(minute)
        known = self._bars.get(ticker)
        if known is None or known[0] != day:
            known = self._bars[ticker] = (day, stocks.minutes(self._seed, ticker, day))
        return known[1][within]

    def _place(self, minute: int) -> tuple[date, int]:
        for n in range(len(stocks.days()) - self._first):
            if n == len(self._lengths):
                self._lengths.append(stocks.minutes_of(stocks.days()[self._first + n]))
            if minute < self._lengths[n]:
                return stocks.days()[self._first + n], minute
            minute -= self._lengths[n]
        raise IndexError("the tape has no more sessions")

    def _events(self, quarter: int, stream: Stream) -> Iterable[bytes]:
        minute, part = divmod(quarter, QUARTERS)
        if stream.channel == "AM":
            return self._minute(minute, stream.symbol) if part == QUARTERS - 1 else ()
        bar = self.bar(stream.symbol, minute)
        at = bar.at + part * 15_000 + 7_000
        price = (bar.open, bar.high, bar.low, bar.close)[part]
        return [_trade(stream.symbol, quarter, at, price, bar) if stream.channel == "T" else _quote(stream.symbol, quarter, at, price)]

    def _minute(self, minute: int, ticker: str) -> Iterator[bytes]:
        if not is_restated(ticker):
            yield _bar(ticker, self.bar(ticker, minute))
            return
        if minute:
            yield _bar(ticker, self.bar(ticker, minute - 1))
        bar = self.bar(ticker, minute)
        yield _bar(ticker, bar._replace(volume=bar.volume - 1, close=bar.open))


def is_restated(ticker: str) -> bool:
    """Whether the bars of this ticker are told wrong first."""
    return sum(ticker.encode()) % RESTATED == 0


def _bar(ticker: str, bar: Bar) -> bytes:
    return (b'{"ev":"AM","sym":"%b","v":%d,"av":%d,"op":%b,"vw":%d.%04d,"o":%b,"c":%b,"h":%b,"l":%b,"a":%d.%04d,"z":%d,"s":%d,"e":%d}') % (
        *(ticker.encode(), bar.volume, bar.volume, _cents(bar.open), *divmod(bar.vwap, 10_000), _cents(bar.open), _cents(bar.close)),
        *(_cents(bar.high), _cents(bar.low), *divmod(bar.vwap, 10_000), bar.volume // max(bar.trades, 1), bar.at, bar.at + 60_000),
    )


def _trade(ticker: str, quarter: int, at: int, price: int, bar: Bar) -> bytes:
    shares = max(bar.volume // QUARTERS, 1)
    head = b'{"ev":"T","sym":"%b","x":4,"i":"%d","z":3,"p":%b,"s":%d' % (ticker.encode(), at, _cents(price), shares)
    return head + b',"c":[0],"t":%d,"q":%d}' % (at, quarter + 1)


def _quote(ticker: str, quarter: int, at: int, price: int) -> bytes:
    bid, ask = _cents(max(price - 1, 1)), _cents(price + 1)
    head = b'{"ev":"Q","sym":"%b","bx":4,"bp":%b,"bs":100,"ax":7,"ap":%b,"as":160' % (ticker.encode(), bid, ask)
    return head + b',"c":0,"i":[604],"t":%d,"q":%d,"z":3}' % (at, quarter + 1)


def _cents(price: int) -> bytes:
    return b"%d.%02d" % divmod(price, 100)
