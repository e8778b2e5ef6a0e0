"""market.raw.v1 to ticks, live candles, dead letters, tallies and copies of run markers; one instance a raw partition.

Given the same checkpoint and the same records it returns the same outputs, however the records are split into batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.outputs import Output
from services.transformer.streams import Streams
from services.transformer.tallies import BLOCK, Tallies
from services.transformer.windows import Windows
from shared.aggregations.candles import key as window_key
from shared.errors import Rejected
from shared.events import Closed, Connection, Heartbeat, Marker, Origin, Tick, Trade
from shared.frames import FAULTS, rejected
from shared.raw import Raw, complete, numbered, read
from shared.records import Record, control_kind
from shared.time import MINUTE
from shared.topics import MARKET_RAW

Control = Heartbeat | Closed | Connection | Marker
_CONTROLS: dict[str, Callable[[bytes], Control]] = {
    "heartbeat": msgspec.json.Decoder(Heartbeat).decode,
    "closed": msgspec.json.Decoder(Closed).decode,
    "connection": msgspec.json.Decoder(Connection).decode,
    "marker": msgspec.json.Decoder(Marker).decode,
}


class Market:
    """The state of one partition of market.raw.v1."""

    topic = MARKET_RAW

    def __init__(self, partition: int, at: Checkpoint, rules: Rules, *, publish_ticks: bool = True) -> None:
        self._partition, self._rules, self._publish_ticks = partition, rules, publish_ticks
        self._epoch = at.epoch
        self.next_offset = at.next_offset
        self._log_time, self._next_emit, self._emitted_at = at.log_time, at.next_emit, at.emitted_at
        self.clocks = {source: msgspec.structs.replace(clock) for source, clock in at.clocks.items()}
        self.windows = Windows(at.epoch, partition, set(at.given_up))
        self._streams = Streams(at.epoch, partition, rules, publish=publish_ticks)
        self._tallies = Tallies(MARKET_RAW.name, partition, at.epoch, at.block, at.counts)

    def checkpoint(self) -> Checkpoint:
        """What a successor needs to go on here; valid once everything returned so far is acknowledged."""
        return Checkpoint(
            self._epoch,
            self.next_offset,
            self.windows.replay_from(self.next_offset),
            self._log_time,
            self._next_emit,
            self._emitted_at,
            self.clocks,
            sorted(self.windows.given_up),
            self._tallies.block,
            self._tallies.counts(),
        )

    def tally(self) -> list[Output]:
        """The current block's counts, if they changed since they were last published."""
        return [outputs.tally(self._tallies.snapshot(self.next_offset))] if self._tallies.changed else []

    def lost(self, start: int, end: int) -> Output:
        """Offsets that the log dropped before they were read."""
        return outputs.tally(msgspec.structs.replace(self._tallies.snapshot(self.next_offset), lost=(start, end)))

    def step(self, records: Sequence[Record]) -> list[Output]:
        """Takes records in offset order; those below `next_offset` only rebuild windows."""
        out: list[Output] = []
        at, end = 0, len(records)
        while at < end and records[at].offset < self.next_offset:
            self._rebuild(records[at])
            at += 1
        while at < end:
            record = records[at]
            if finished := self._tallies.enter(record.offset):
                out.append(outputs.tally(finished))
            self._log_time = max(self._log_time, record.timestamp * 1000)
            if self._log_time >= self._next_emit:
                out += self._emit(record.offset)
            kind = control_kind(record.headers) if record.headers else None
            out += self._data(record) if kind is None else self._control(kind, record)
            at = self._advance(records, at + 1, out)
            self.next_offset = records[at - 1].offset + 1
        return out

    def _advance(self, records: Sequence[Record], at: int, out: list[Output]) -> int:
        """Takes the plain trades that follow; returns the index of the first record that is none."""
        block_end = (self._tallies.block + 1) * BLOCK
        upto, self._log_time = self._streams.advance(records, at, self._log_time, self._next_emit // 1000, block_end, self.windows, out)
        self._streams.tally(records[at:upto], self._tallies)
        return upto

    def _emit(self, offset: int) -> Iterator[Output]:
        rules = self._rules
        self._next_emit = self._log_time - self._log_time % rules.emit_interval + rules.emit_interval
        self._emitted_at = offset
        for given_up in self.windows.give_up(offset, self._log_time, age=rules.window_age, records=rules.window_records):
            self._streams.clear()
            yield outputs.candle(given_up)
        for candle in self.windows.changed():
            yield outputs.candle(candle)

    def _data(self, record: Record) -> list[Output]:
        raw = read(record)
        out: list[Output] = []
        received = rejected = 0
        try:
            for index, (value, n) in enumerate(numbered(raw.parse())):
                received += 1
                origin = Origin(self._epoch, self._partition, record.offset, index)
                try:
                    out += self._tick(record, raw, value, origin, n)
                except Rejected as fault:
                    rejected += 1
                    out.append(outputs.dead_letter(record, fault, origin, raw.source, raw.received_at))
        except Rejected as fault:
            received += 1
            rejected += 1
            origin = Origin(self._epoch, self._partition, record.offset, received - 1)
            out.append(outputs.dead_letter(record, fault, origin, raw.source, raw.received_at))
        self._tallies.add(raw.source, raw.run, raw.received_at, received=received, rejected=rejected, ignored=not received)
        return out

    def _tick(self, record: Record, raw: Raw, value: Tick | Rejected, origin: Origin, n: int) -> Iterator[Output]:
        if isinstance(value, Rejected):
            raise value
        tick = complete(value, raw, origin, self._rules.max_skew, n)
        if raw.run is not None:
            yield outputs.tick(tick)
            return
        clock = self.clocks.get(tick.source)
        if clock is None:
            clock = self.clocks[tick.source] = Clock()
        key = window_key(tick)
        if late := key[3] + MINUTE <= clock.watermark:
            tick = msgspec.structs.replace(tick, late=late)
        else:
            self.windows.add(key, tick, record.timestamp * 1000)
            window = self.windows.at(key, origin.offset, record.timestamp * 1000)
            if window is not None and isinstance(tick, Trade):
                self._streams.enter(record.key, tick.source, tick.symbol, tick.native_symbol, clock, window)
        if self._publish_ticks:
            yield outputs.tick(tick)
        clock.event(tick.event_time, self._log_time, self._rules)
        yield from self._close(tick.source, clock)

    def _close(self, source: str, clock: Clock) -> Iterator[Output]:
        for candle in self.windows.due(source, clock.watermark):
            yield outputs.candle(candle)

    def _control(self, kind: str, record: Record) -> Iterable[Output]:
        decode = _CONTROLS.get(kind)
        if decode is None:
            return ()
        try:
            control = decode(record.value or b"")
        except FAULTS as fault:
            raw, origin = read(record), Origin(self._epoch, self._partition, record.offset)
            self._tallies.add(raw.source, raw.run, raw.received_at, received=1, rejected=1)
            return [outputs.dead_letter(record, rejected(f"control record {kind}", fault), origin, raw.source, raw.received_at)]
        if isinstance(control, Marker):
            return self._mark(control, Origin(self._epoch, self._partition, record.offset))
        return self._move(control)

    def _mark(self, marker: Marker, origin: Origin) -> Iterator[Output]:
        yield outputs.tally(self._tallies.snapshot(origin.offset + 1))
        yield from outputs.markers(msgspec.structs.replace(marker, origin=origin))

    def _move(self, control: Heartbeat | Closed | Connection) -> Iterator[Output]:
        """What a source's owner says of it moves the source's clock."""
        clock = self.clocks.setdefault(control.source, Clock())
        if isinstance(control, Heartbeat):
            clock.heartbeat(control.epoch, self._log_time, self._rules)
        elif isinstance(control, Connection):
            if control.state == "connected":
                clock.connect(control.epoch, self._log_time)
        elif control.epoch >= clock.epoch:
            clock.epoch = control.epoch
            clock.watermark = max(clock.watermark, self.windows.end(control.source))
        yield from self._close(control.source, clock)

    def _rebuild(self, record: Record) -> None:
        """Puts a record's ticks into exactly the windows that the checkpoint's watermarks leave open; publishes nothing."""
        if record.headers and control_kind(record.headers) is not None:
            return
        raw = read(record)
        if raw.run is not None:
            return
        try:
            for index, (value, n) in enumerate(numbered(raw.parse())):
                if not isinstance(value, Rejected):
                    self._restore(raw, value, Origin(self._epoch, self._partition, record.offset, index), record, n)
        except Rejected:
            return  # it was dead-lettered when it was first read

    def _restore(self, raw: Raw, value: Tick, origin: Origin, record: Record, n: int) -> None:
        try:
            tick = complete(value, raw, origin, self._rules.max_skew, n)
        except Rejected:
            return  # likewise
        key = window_key(tick)
        clock = self.clocks.get(tick.source)
        if clock is None or key[3] + MINUTE > clock.watermark:
            self.windows.add(key, tick, record.timestamp * 1000, dirty=record.offset >= self._emitted_at)
