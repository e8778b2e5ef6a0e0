"""Generated logs of one raw partition, and what they must give, computed without the transformer's code.

A log is a list of `Entry`: what was meant and the record that says so. Watermarks are computed from their definition, over the whole
log before a place, not step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from hypothesis import strategies as st

from services.transformer.clocks import Rules
from tests.fixtures.records import MS, Kept, closed, connection, control, heartbeat, live, marker, row, trade

MINUTE = 60_000_000
DAY_MS = 86_400_000
SKEW_MS = 60_000
SOURCES = {"binance": 0, "binance-agg": 0, "binance-slow": DAY_MS}  # how far each is behind
SYMBOLS = {"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"}
STEPS = (0, 0, 50, 400, 1000, 1000, 3000, 7000, 30_000, 61_000, -500, 3_700_000)
DELAYS = (0, 0, 0, 100, 700, 1900, 2100, 5000, 20_000, 130_000, -1000, -59_000)
NEVER = 2**62
RULES = (
    Rules(window_age=NEVER),
    Rules(out_of_orderness=0, idle_timeout=1_000_000, emit_interval=250_000, window_age=NEVER),
    Rules(window_age=90_000_000, window_records=12, emit_interval=5_000_000),
)
What = Literal[
    "trade", "again", "quote", "future", "poison", "ignored", "row", "bad row", "marker",
    "heartbeat", "connected", "disconnected", "closed", "bad control",
]  # fmt: skip
OFTEN: tuple[What, ...] = ("trade",) * 12 + ("again",) * 2 + ("quote",) * 2 + ("heartbeat",) * 8
RARELY: tuple[What, ...] = ("future", "poison", "ignored", "row", "bad row", "marker", "connected", "disconnected", "closed", "bad control")
PRICES = b"time,price,size,symbol=BTC-USDT\n"
POISON = (
    b"",
    b"{",
    b"\xff",
    b'{"e":"?"}',
    trade(1, MS, "-1"),
    trade(1, MS, "1", "0"),
    trade(1, MS // 1000),
    trade(2**70, MS),
    trade(1, MS, symbol="?"),
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
def logs(draw: st.DrawFn, *, longest: int = 45) -> list[Entry]:
    """A partition with sources ahead and behind, disorder, duplicates, late ticks, silence, owners, rows of files, and poison."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(OFTEN + RARELY), st.integers(0, 2), st.integers(0, 1), st.sampled_from(STEPS), st.integers(0, 2**20 - 1)
            ),
            min_size=1,
            max_size=longest,
        )
    )
    entries: list[Entry] = []
    at, offset = MS + 30_000, draw(st.sampled_from((0, 4080, 10_000)))
    for what, source, symbol, step, noise in drawn:
        at += step
        entries.append(_entry(what, entries, offset, at, list(SOURCES)[source], list(SYMBOLS)[symbol], noise))
        offset += 5000 if noise % 61 == 7 else 1 + (noise % 13 == 5)  # compaction and transactions leave holes
    return entries


def _entry(what: What, before: list[Entry], offset: int, at: int, source: str, native: str, noise: int) -> Entry:
    if what in ("heartbeat", "connected", "disconnected", "closed", "bad control"):
        return _control(what, offset, at, source, 1 + noise % 3)
    known = [entry for entry in before if entry.what == "trade"]
    if what == "again" and known:
        return _again(known[noise % len(known)], offset, at)
    event_ms = at - SOURCES[source] - DELAYS[noise % len(DELAYS)]
    event_ms += SKEW_MS + 1 + SOURCES[source] + DELAYS[noise % len(DELAYS)] if what == "future" else 0
    headers = (("traceparent", b"00-1"),) if noise % 5 == 0 else ()
    if what in ("trade", "again", "future"):
        price, size = Decimal(100 + noise % 7) / 4, Decimal(1 + noise % 11) / 8
        frame = trade(offset, event_ms, str(price), str(size), symbol=native, sell=bool(noise % 2))
        record = live(offset, at, frame, source=source, headers=headers)
        kind: What = "future" if what == "future" else "trade"
        return Entry(kind, record, source, SYMBOLS[native], event_ms * 1000, str(offset), price, size, bool(noise % 2))
    if what == "quote":  # without a time: it happened when it was received
        bid = Decimal(100 + noise % 7) / 4
        frame = b'{"u":%d,"s":"%b","b":"%b","B":"1","a":"%b","A":"0"}' % (offset, native.encode(), str(bid).encode(), str(bid + 1).encode())
        return Entry(what, live(offset, at, frame, source=source), source, SYMBOLS[native], at * 1000, str(offset), bid + Decimal("0.5"))
    return _rare(what, offset, at, source, noise, headers)


def _rare(what: What, offset: int, at: int, source: str, noise: int, headers: tuple[tuple[str, bytes], ...]) -> Entry:
    if what == "row":
        return Entry(what, row(offset, at, PRICES + b"2021-01-07T00:00:0%d,1.5,2" % (noise % 10), number=offset, n=offset), "file")
    if what == "bad row":
        return Entry(what, row(offset, at, PRICES + b"2021-01-07T00:00:00Z,1.5", number=offset), "file")
    if what == "marker":
        return Entry(what, marker(offset, at), "file")
    if what == "ignored":
        return Entry(what, live(offset, at, b'{"result":null,"id":1}', source=source), source)
    return Entry("poison", live(offset, at, POISON[noise % len(POISON)], source=source, headers=headers), source)


def _control(what: What, offset: int, at: int, source: str, epoch: int) -> Entry:
    if what == "heartbeat":
        return Entry(what, heartbeat(offset, at, source=source, epoch=epoch), source, epoch=epoch)
    if what == "closed":
        return Entry(what, closed(offset, at, source=source, epoch=epoch), source, epoch=epoch)
    if what == "bad control":
        return Entry(what, control("heartbeat", offset, at, source, b"{"), source)
    return Entry(what, connection(offset, at, what, source=source, epoch=epoch), source, epoch=epoch)


def _again(known: Entry, offset: int, at: int) -> Entry:
    record = live(offset, at, known.record.value or b"", source=known.source)
    if known.event > (at + SKEW_MS) * 1000:  # the log's time went back: then it is too far ahead
        return Entry("future", record, known.source)
    return Entry("again", record, known.source, known.symbol, known.event, known.number, known.price, known.size, known.sell)


class Expected:
    """What a log without windows given up must give: lateness by place, watermarks, closed candles."""

    def __init__(self, log: list[Entry], rules: Rules) -> None:
        self._log, self._rules = log, rules
        self._times = [max(entry.record.timestamp for entry in log[: at + 1]) * 1000 for at in range(len(log))]
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

    def _silence(self, at: int) -> int | None:
        """What a heartbeat allows the watermark to be: the greatest event time, moved by the silence, less the disorder."""
        beat = self._log[at]
        events = [entry.event for entry in self._log[:at] if entry.source == beat.source and entry.taken]
        if not events or beat.epoch < self._epoch(beat.source, at):
            return None
        silent = self._times[at] - max(self._times[place] for place in range(at + 1) if self._ends_silence(place, beat.source))
        return max(events) + silent - self._rules.out_of_orderness if silent >= self._rules.idle_timeout else None

    def _ends_silence(self, place: int, source: str) -> bool:
        entry = self._log[place]
        if entry.source != source:
            return False
        newest = self._epoch(source, place)
        return entry.taken or (entry.what == "connected" and entry.epoch >= newest) or (entry.what == "heartbeat" and entry.epoch > newest)

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
