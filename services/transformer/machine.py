"""The state machine of one raw partition: a raw topic's `Flow` says what its records mean, the machine keeps windows, clocks and counts.

Given the same checkpoint and the same records it returns the same outputs, however the records are split into batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.faults import Fault, trace
from services.transformer.outputs import Output
from services.transformer.protocol import Flow
from services.transformer.sources import EVERY, Sources
from services.transformer.tallies import BLOCK, Tallies
from services.transformer.windows import Key, Windows
from shared.aggregations import Aggregation, candles
from shared.errors import Rejected
from shared.events import Closed, Connection, Heartbeat, Marker, MarketInfo, Origin
from shared.frames import FAULTS, rejected
from shared.records import Record, control_kind, credible, received_at, stamped
from shared.refusals import Refusals, one

UNKNOWN = "unknown"
_LONGEST = 256  # characters of the source that a control record names
Control = Heartbeat | Closed | Connection | Marker
_CONTROLS: dict[str, Callable[[bytes], Control]] = {
    "heartbeat": msgspec.json.Decoder(Heartbeat).decode,
    "closed": msgspec.json.Decoder(Closed).decode,
    "connection": msgspec.json.Decoder(Connection).decode,
    "marker": msgspec.json.Decoder(Marker).decode,
}


class Machine:
    """The state of one partition of a flow's topic."""

    def __init__(self, flow: Flow, partition: int, at: Checkpoint, rules: Rules, *, publish: bool = True) -> None:
        self._flow, self._partition, self._rules, self._publish = flow, partition, rules, publish
        self._key = flow.aggregation.key if flow.aggregation is not None else None
        self._aggregation: Aggregation = flow.aggregation or candles
        self._epoch = at.epoch
        self.next_offset = at.next_offset
        self._swept_at = at.swept_at
        self.clocks = Sources(at.clocks)
        self.windows = Windows(at.epoch, partition, set(at.given_up), self._aggregation)
        self._faults: list[Fault] = []
        self._tallies = Tallies(flow.topic.name, partition, at.epoch, at.block, at.counts)

    def checkpoint(self) -> Checkpoint:
        """What a successor needs to go on here; valid once everything returned so far is acknowledged."""
        return Checkpoint(
            self._epoch,
            self.next_offset,
            self.windows.replay_from(self.next_offset),
            swept_at=self._swept_at,
            clocks=dict(self.clocks),
            given_up=sorted(self.windows.given_up),
            block=self._tallies.block,
            counts=self._tallies.counts(),
        )

    def tally(self) -> list[Output]:
        """The current block's counts, if they changed since they were last published."""
        return [outputs.tally(self._tallies.snapshot(self.next_offset))] if self._tallies.changed else []

    def lost(self, start: int, end: int) -> list[Output]:
        """Offsets that the log dropped before they were read."""
        return [outputs.tally(msgspec.structs.replace(self._tallies.snapshot(self.next_offset), lost=(start, end)))]

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
            out += self._record(record)
            at = self._advance(records, at + 1, out)
            self.next_offset = records[at - 1].offset + 1
        return out

    def skip(self, record: Record, why: str) -> list[Output]:
        """The dead letter of a record that is not read."""
        if record.offset < self.next_offset:
            return []
        finished = self._tallies.enter(record.offset)
        out = [outputs.tally(finished)] if finished else []
        out += self._refused(record, Rejected("skipped", why))
        self.next_offset = record.offset + 1
        return out

    def _advance(self, records: Sequence[Record], at: int, out: list[Output]) -> int:
        """Lets the flow take what it can the fast way; returns the index of the first record that it did not."""
        block_end = (self._tallies.block + 1) * BLOCK
        return self._flow.advance(records, at, block_end, self.windows, self._tallies, out)

    def _pass(self, source: str, clock: Clock, record: Record) -> Iterator[Output]:
        """A source's own record moves its log time; each `emit_interval` of it publishes its windows.

        A source without records of its own is published in the time of one that has them.
        """
        clock.log_time = max(clock.log_time, record.timestamp * 1000)
        if clock.log_time < clock.next_emit:
            return
        interval, offset, since = self._rules.emit_interval, record.offset, self._swept_at
        clock.next_emit = clock.log_time - clock.log_time % interval + interval
        yield from self._emit(source, clock, offset, clock.log_time)
        if clock.crossed_at >= since:  # a whole interval of this source's has passed
            self._swept_at = offset
            for other in self.windows.sources():
                idle = self.clocks.get(other)
                if idle is not None and idle is not clock and idle.emitted_at <= since:
                    yield from self._emit(other, idle, offset, max(clock.log_time, idle.log_time))
        clock.crossed_at = offset

    def _emit(self, source: str, clock: Clock, offset: int, log_time: int) -> Iterator[Output]:
        age, records = self._rules.window_age, self._rules.window_records
        for given_up in self.windows.give_up(source, offset, log_time, age=age, records=records):
            self._flow.forget()
            yield self._flow.partial(given_up)
        for partial in self.windows.changed(source):
            clock.emitted_at = offset
            yield self._flow.partial(partial)

    def _record(self, record: Record) -> list[Output]:
        """What one record gives; an exception that reading it raises makes its dead letter."""
        if (stamp := stamped(record)) is not None:
            return self._refused(record, stamp)
        try:
            kind = control_kind(record.headers) if record.headers else None
            return self._data(record) if kind is None else list(self._control(kind, record))
        except Exception as fault:  # noqa: BLE001 it makes a dead letter
            return self._refused(record, self._unexpected(record, fault))

    def _data(self, record: Record) -> list[Output]:
        raw = self._flow.read(record)
        out: list[Output] = []
        refused, received = Refusals(), 0
        try:
            for event in self._flow.events(raw, self._origin(record), self._rules.max_skew):
                received += 1
                if isinstance(event, Rejected):
                    refused.add(received - 1, event)
                    continue
                try:
                    out += self._event(record, event)
                except Exception as fault:  # noqa: BLE001 it makes a dead letter
                    refused.add(received - 1, self._unexpected(record, fault))
        except Exception as fault:  # noqa: BLE001 it makes a dead letter
            received += 1
            refused.add(received - 1, fault if isinstance(fault, Rejected) else self._unexpected(record, fault))
        if refused.total:
            out.append(self._letter(record, refused, raw.source, raw.received_at))
        self._tallies.add(raw.source, raw.run, raw.received_at, received=received, rejected=refused.total, ignored=not received)
        return out

    def _origin(self, record: Record, index: int = 0) -> Origin:
        return Origin(self._epoch, self._partition, record.offset, index)

    def _letter(self, record: Record, refused: Refusals, source: str, received_at: int) -> Output:
        origin = self._origin(record, refused.index)
        return outputs.dead_letter(self._flow.topic, record, refused, origin, source, received_at)

    def _refused(self, record: Record, fault: Rejected) -> list[Output]:
        """The dead letter of a whole record."""
        try:
            raw = self._flow.read(record)
            source, run = raw.source, raw.run
        except Exception:  # noqa: BLE001 it makes a dead letter
            source, run = UNKNOWN, None
        at = received_at(record)
        self._tallies.add(source, run, at, received=1, rejected=1)
        return [self._letter(record, one(fault), source, at)]

    def _unexpected(self, record: Record, fault: Exception) -> Rejected:
        if not self._faults or self._faults[-1].offset != record.offset:
            self._faults.append(Fault(record.offset, trace(fault)))
        return Rejected("exception", f"{type(fault).__name__}: {fault}")

    def faults(self) -> list[Fault]:
        """The exceptions that became dead letters since the last call, for the log."""
        found, self._faults = self._faults, []
        return found

    def _clock(self, source: str, record: Record) -> Clock | None:
        """The clock of a source; None where there are too many sources for another one."""
        clock = self.clocks.get(source)
        if clock is not None:
            return clock
        if not self.clocks.has_room(source) and record.offset % EVERY == 0:
            for idle in self.clocks.forget(record.timestamp * 1000, self.windows.is_open):
                self.windows.forget(idle)
            self._flow.forget()
        return self.clocks.begin(source)

    def _event(self, record: Record, event: Any) -> list[Output]:
        """Publishes an event; raises before it has changed anything."""
        if event.run is not None or self._key is None or isinstance(event, MarketInfo):
            return [self._flow.event(event)]
        key = self._key(event)
        clock = self._clock(key[0], record)
        if clock is None:
            return [self._flow.event(msgspec.structs.replace(event, late=True))]
        late = self._aggregation.closes(key) <= clock.watermark or not self.windows.has_room(key)
        if late:
            event = msgspec.structs.replace(event, late=late)
        published = self._flow.event(event)
        out = list(self._pass(key[0], clock, record))
        if not late:
            log_time = record.timestamp * 1000
            self.windows.add(key, event, log_time)
            if (window := self.windows.at(key, event.origin.offset, log_time)) is not None:
                self._flow.entered(record, event, clock, window)
        if self._publish:
            out.append(published)
        clock.event(self._aggregation.reached(event), clock.log_time, self._rules)
        return [*out, *self._close(key[0], clock)]

    def _close(self, source: str, clock: Clock) -> Iterator[Output]:
        for partial in self.windows.due(source, clock.watermark):
            yield self._flow.partial(partial)

    def _control(self, kind: str, record: Record) -> Iterable[Output]:
        decode = _CONTROLS.get(kind)
        if decode is None:
            return ()
        try:
            control = decode(record.value or b"")
        except FAULTS as fault:
            return self._refused(record, rejected(f"control record {kind}", fault))
        if not isinstance(control, Marker) and len(control.source) > _LONGEST:
            return self._refused(record, Rejected("malformed", f"control record {kind} of {control.source[:80]!r}"))
        if not isinstance(control, Marker) and not credible(control.epoch, record):
            return self._refused(record, Rejected("malformed", f"control record {kind}: no owner has the epoch {control.epoch}"))
        if isinstance(control, Marker):
            return self._mark(control, self._origin(record))
        return self._move(control, record)

    def _mark(self, marker: Marker, origin: Origin) -> Iterator[Output]:
        yield outputs.tally(self._tallies.snapshot(origin.offset + 1))
        yield from outputs.markers(msgspec.structs.replace(marker, topic=self._flow.topic.name, origin=origin))

    def _move(self, control: Heartbeat | Closed | Connection, record: Record) -> Iterator[Output]:
        """What a source's owner says of it moves the source's clock."""
        clock, log_time = self._clock(control.source, record), record.timestamp * 1000
        if clock is None or control.epoch < clock.epoch:
            return
        if isinstance(control, Heartbeat):
            clock.set_back(control.epoch, log_time, self._rules)
        yield from self._pass(control.source, clock, record)
        if isinstance(control, Heartbeat):
            clock.heartbeat(control.epoch, log_time, self._rules)
        elif isinstance(control, Connection):
            if control.state == "connected":
                clock.connect(control.epoch, log_time)
        else:
            clock.epoch = control.epoch
            clock.watermark = max(clock.watermark, self.windows.end(control.source))
        yield from self._close(control.source, clock)

    def _rebuild(self, record: Record) -> None:
        """Puts a record's events into exactly the windows that the checkpoint's watermarks leave open; publishes nothing."""
        if record.headers and control_kind(record.headers) is not None:
            return
        if self._key is None or stamped(record) is not None:
            return
        try:
            raw = self._flow.read(record)
            if raw.run is not None:
                return
            for event in self._flow.events(raw, self._origin(record), self._rules.max_skew):
                if not isinstance(event, Rejected | MarketInfo):
                    self._restore(self._key(event), event, record)
        except Exception:  # noqa: BLE001 it makes a dead letter
            return  # it was dead-lettered when it was first read

    def _restore(self, key: Key, event: Any, record: Record) -> None:
        clock = self.clocks.get(key[0])
        if clock is None or self._aggregation.closes(key) > clock.watermark:
            emitted_at = clock.emitted_at if clock is not None else -1
            self.windows.add(key, event, record.timestamp * 1000, dirty=record.offset >= emitted_at)
