"""Generated logs of one raw partition, and what they must give, computed without the transformer's code.

A log is a list of `Entry`: what was meant and the record that says so. Watermarks are computed from their definition, over the whole
log before a place, not step by step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Literal

from hypothesis import strategies as st

from services.transformer.clocks import Rules
from tests.fixtures.records import MS, Kept, closed, connection, control, heartbeat, live, marker, row, trade

MINUTE = 60_000_000
DAY_MS = 86_400_000
SKEW_MS = 60_000
SOURCES = {"binance": 0, "binance-agg": 0, "binance-slow": DAY_MS}  # how far each is behind
SYMBOLS = {"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"}
STEPS = (0, 0, 50, 400, 1000, 1000, 2000, 7000, 30_000, 60_000, -500, -5000, 3_700_000)
SHORT = (0, 10, 50, 90, 200, 200, 400, -100)
DELAYS = (0, 0, 0, 0, 100, 1000, 2000, 5000, 20_000, 130_000, -1000, -60_000)
NEVER = 2**62
RULES = (
    Rules(window_age=NEVER),
    Rules(out_of_orderness=0, idle_timeout=1_000_000, emit_interval=250_000, window_age=NEVER),
    Rules(out_of_orderness=30_000_000, window_age=20_000_000, window_records=8),
)
What = Literal[
    "trade", "again", "quote", "future", "poison", "ignored", "row", "bad row", "marker",
    "heartbeat", "connected", "disconnected", "closed", "bad control",
]  # fmt: skip
OWNERS: tuple[What, ...] = ("heartbeat", "heartbeat", "heartbeat", "heartbeat", "connected", "disconnected", "closed", "bad control")
OTHERS: tuple[What, ...] = ("trade", "trade", "again", "quote", "future", "poison", "ignored", "row", "bad row", "marker", *OWNERS)
PLAIN: tuple[What, ...] = ("trade",)
MOODS: tuple[tuple[What, ...], ...] = (PLAIN * 30 + OTHERS, PLAIN * 8 + OTHERS, OTHERS + OWNERS * 2)
PRICES = b"time,price,size,symbol=BTC-USDT\n"
POISONS: tuple[Callable[[bytes], bytes], ...] = (
    lambda frame: b"",
    lambda frame: frame[:-1],
    lambda frame: b"\xff" + frame,
    lambda frame: frame.replace(b'"p":"', b'"p":"-'),
    lambda frame: re.sub(rb'"q":"[^"]*"', b'"q":"0"', frame),
    lambda frame: re.sub(rb'"T":(\d{10})\d*', rb'"T":\1', frame),
    lambda frame: re.sub(rb'"t":\d+', b'"t":%d' % 2**70, frame),
    lambda frame: re.sub(rb'"s":"\w+"', b'"s":"?"', frame),
    lambda frame: frame.replace(b'"e":"trade"', b'"e":"traded"'),
    lambda frame: frame[:-1] + b',"a":1.5}',
    lambda frame: frame[:-1] + b',"data":{"e":"?"}}',
    lambda frame: frame[:-1] + b',"x":' + b"[" * 5000,
)


@dataclass(frozen=True)
class Entry:
    """One record and what it was made to be; times in us. `number` identifies a trade within source and symbol."""

    what: What
    record: Kept
    source: str
    symbol: str = ""
    event: int = 0
    number: str = ""
    price: Decimal = Decimal(0)
    size: Decimal = Decimal(0)
    sell: bool = False
    epoch: int = 0

    @property
    def taken(self) -> bool:
        """Whether a live tick comes of it."""
        return self.what in ("trade", "again", "quote")

    @property
    def kind(self) -> str:
        return "quote" if self.what == "quote" else "trade"

    @property
    def start(self) -> int:
        return self.event - self.event % MINUTE

    @property
    def window(self) -> tuple[str, str, str, int]:
        return self.source, self.symbol, self.kind, self.start


@st.composite
def logs(draw: st.DrawFn, *, longest: int = 60) -> list[Entry]:
    """A partition with sources ahead and behind, disorder, duplicates, late ticks, silence, owners, rows of files, and poison."""
    return written(Random(draw(st.integers(0, 2**32 - 1))), draw(st.integers(1, longest)))


def written(chance: Random, length: int) -> list[Entry]:
    """The first `length` records of one log; a shorter one is its beginning, so that a failing log shrinks."""
    hand = Hand(chance)
    offset = chance.choice((0, 4080, 10_000))
    at = MS + chance.choice((0, 30_000, 58_000))
    for _ in range(length):
        at += chance.choice(hand.steps)
        hand.log.append(hand.entry(offset, at))
        offset += chance.choice((1,) * 20 + (2, 5000))  # compaction and transactions leave holes
    return hand.log


class Hand:
    """Writes one log in one mood: long runs of plain trades, everything mixed, or owners that come and go."""

    def __init__(self, chance: Random) -> None:
        self.log: list[Entry] = []
        self._chance = chance
        self.steps, self._delays = chance.choice((chance.choices(STEPS, k=4), [*SHORT, chance.choice(STEPS)])), chance.choices(DELAYS, k=4)
        self._kinds = chance.choice(MOODS)
        self._sources = chance.sample(sorted(SOURCES), chance.choice((1, 1, 2, 3)))
        self._symbols = chance.sample(sorted(SYMBOLS), chance.choice((1, 2)))
        self._odd = chance.choice((0, 0.1, 0.4))  # how often a key names another symbol and headers are carried

    def entry(self, offset: int, at: int) -> Entry:
        """The next record."""
        what, source, native = self._chance.choice(self._kinds), self._chance.choice(self._sources), self._chance.choice(self._symbols)
        if what in OWNERS:
            return _control(what, offset, at, source, self._chance.choice((1, 1, 1, 2, 3)))
        known = [entry for entry in self.log if entry.what == "trade"]
        if what == "again" and known:
            return _again(self._chance.choice(known), offset, at)
        if what in ("trade", "again", "future", "poison"):
            return self._trade(what, offset, at, source, native)
        if what == "quote":  # without a time: it happened when it was received
            bid = Decimal(self._chance.randrange(100, 110)) / 4
            ask = str(bid + 1).encode()
            frame = b'{"u":%d,"s":"%b","b":"%b","B":"1","a":"%b","A":"0"}' % (offset, native.encode(), str(bid).encode(), ask)
            record = live(offset, at, frame, source=source, native=native)
            return Entry(what, record, source, SYMBOLS[native], at * 1000, str(offset), bid + Decimal("0.5"))
        return _apart(what, offset, at, source)

    def _trade(self, what: What, offset: int, at: int, source: str, native: str) -> Entry:
        event_ms = at + SKEW_MS + 1 if what == "future" else at - SOURCES[source] - self._chance.choice(self._delays)
        price, size, sell = (
            Decimal(self._chance.randrange(100, 110)) / 4,
            Decimal(self._chance.randrange(1, 9)) / 8,
            self._chance.random() < 0.5,
        )
        frame = trade(offset, event_ms, str(price), str(size), symbol=native, sell=sell)
        odd_run = what == "poison" and self._chance.random() < 0.1
        if what == "poison" and not odd_run:
            frame = self._chance.choice(POISONS)(frame)
        odd = self._chance.random() < self._odd
        headers = (("traceparent", b"00-1"),) if odd and offset % 2 else ()
        record = live(offset, at, frame, source=source, native=self._chance.choice(list(SYMBOLS)) if odd else native, headers=headers)
        if odd_run:
            record = record._replace(headers=(("run", b"?"),))
        if what in ("poison", "future"):
            return Entry(what, record, source)
        return Entry("trade", record, source, SYMBOLS[native], event_ms * 1000, str(offset), price, size, sell)


def _apart(what: What, offset: int, at: int, source: str) -> Entry:
    if what == "row":
        return Entry(what, row(offset, at, PRICES + b"2021-01-07T00:00:00Z,1.5,2", number=offset, n=offset), "file")
    if what == "bad row":
        return Entry(what, row(offset, at, PRICES + b"2021-01-07T00:00:00Z,1.5", number=offset), "file")
    if what == "marker":
        return Entry(what, marker(offset, at), "file")
    return Entry("ignored", live(offset, at, b'{"result":null,"id":1}', source=source), source)


def _control(what: What, offset: int, at: int, source: str, epoch: int) -> Entry:
    if what == "heartbeat":
        return Entry(what, heartbeat(offset, at, source=source, epoch=epoch), source, epoch=epoch)
    if what == "closed":
        return Entry(what, closed(offset, at, source=source, epoch=epoch), source, epoch=epoch)
    if what == "bad control":
        return Entry(what, control("heartbeat", offset, at, source, b"{"), source)
    return Entry(what, connection(offset, at, what, source=source, epoch=epoch), source, epoch=epoch)


def _again(known: Entry, offset: int, at: int) -> Entry:
    record = known.record._replace(offset=offset, timestamp=at)
    if known.event > (at + SKEW_MS) * 1000:  # the log's time went back: then it is too far ahead
        return Entry("future", record, known.source)
    return Entry("again", record, known.source, known.symbol, known.event, known.number, known.price, known.size, known.sell)


class Expected:
    """What a log without windows given up must give: lateness by place, watermarks, closed candles."""

    def __init__(self, log: list[Entry], rules: Rules) -> None:
        self._log, self._rules = log, rules
        self._times, self._since = self._own_time()
        self._moves: list[tuple[int, str, int]] = []  # place, source, the watermark it allows
        self.late: dict[int, bool] = {}  # by offset
        for at, entry in enumerate(log):
            if entry.taken:
                self.late[entry.record.offset] = entry.start + MINUTE <= self.watermark(entry.source, at)
                self._moves.append((at, entry.source, entry.event - rules.out_of_orderness))
            elif entry.what == "heartbeat" and (allowed := self._silence(at)) is not None:
                self._moves.append((at, entry.source, allowed))
            elif entry.what == "closed" and entry.epoch >= self._epoch(entry.source, at):
                self._moves += [(at, entry.source, end) for end in self._open(entry.source, at)]

    def watermark(self, source: str, at: int) -> int:
        """The source's watermark before the record at that place."""
        return max((allowed for place, of, allowed in self._moves if of == source and place < at), default=0)

    def _epoch(self, source: str, at: int) -> int:
        """The newest owner seen before that place."""
        said = [entry.epoch for entry in self._log[:at] if entry.source == source and entry.what in ("heartbeat", "connected", "closed")]
        return max(said, default=0)

    def _own_time(self) -> tuple[list[int], list[int]]:
        """At each place its source's log time, and the log time of its last news."""
        times, since, newest = dict.fromkeys(SOURCES, 0), dict.fromkeys(SOURCES, 0), dict.fromkeys(SOURCES, 0)
        found: list[tuple[int, int]] = []
        for at, entry in enumerate(self._log):
            source, stamp = entry.source, entry.record.timestamp * 1000
            owner = entry.what in ("heartbeat", "connected", "disconnected", "closed") and entry.epoch >= self._epoch(source, at)
            if owner and entry.what == "heartbeat" and stamp < times[source] - self._rules.max_skew:
                times[source], since[source] = stamp, min(since[source], stamp)
            if owner or entry.taken:
                times[source] = max(times[source], stamp)
            if (entry.taken and entry.event > newest[source]) or (owner and self._begins_anew(at)):
                since[source] = max(since[source], times[source])
            if entry.taken:
                newest[source] = max(newest[source], entry.event)
            found.append((times.get(source, 0), since.get(source, 0)))
        return [time for time, _ in found], [start for _, start in found]

    def _begins_anew(self, at: int) -> bool:
        """A connect, or the first heartbeat of a new owner: what came before it is no silence."""
        entry = self._log[at]
        return entry.what == "connected" or (entry.what == "heartbeat" and entry.epoch > self._epoch(entry.source, at))

    def _silence(self, at: int) -> int | None:
        """What a heartbeat allows the watermark to be: the greatest event time, moved by the silence, less the disorder."""
        beat = self._log[at]
        events = [entry.event for entry in self._log[:at] if entry.source == beat.source and entry.taken]
        if not events or beat.epoch < self._epoch(beat.source, at):
            return None
        silent = self._times[at] - self._since[at]
        reached = min(max(events) + silent, self._times[at])
        return reached - self._rules.out_of_orderness if silent >= self._rules.idle_timeout else None

    def _open(self, source: str, at: int) -> list[int]:
        """The ends of the source's windows open at that place."""
        ends = {entry.start + MINUTE for entry in self._on_time(at) if entry.source == source}
        return [end for end in ends if end > self.watermark(source, at)]

    def _on_time(self, at: int) -> list[Entry]:
        return [entry for entry in self._log[:at] if entry.taken and not self.late[entry.record.offset]]

    def closed(self) -> dict[tuple[str, str, str, int], list[Entry]]:
        """The distinct on-time ticks of every window that the watermark has passed, first copies only."""
        windows: dict[tuple[str, str, str, int], dict[str, Entry]] = {}
        for entry in self._on_time(len(self._log)):
            if entry.start + MINUTE <= self.watermark(entry.source, len(self._log)):
                windows.setdefault(entry.window, {}).setdefault(entry.number, entry)
        return {window: list(ticks.values()) for window, ticks in windows.items()}
