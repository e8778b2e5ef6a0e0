"""The state machine of one partition of market.ticks.v1: live ticks by symbol to flags.

Given the same checkpoint and the same records it returns the same flags, however the records are split into batches. Repeats, which a
crash of what publishes ticks leaves in the log, are known by their origin and not judged twice.
"""

from collections.abc import Iterable, Sequence

import msgspec

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock
from services.transformer.faults import Fault, trace
from services.transformer.outputs import Output
from services.transformer.quality import judge
from services.transformer.quality.rules import Rules
from services.transformer.quality.state import Market, State
from shared.aggregations.candles import row
from shared.events import Flag, Tick, TickRecord
from shared.frames import FAULTS
from shared.records import Record
from shared.time import MINUTE

BYTES = 9 * 1024 * 1024  # of a partition's state: beyond it new streams are not judged, so that the state fits its record
_STREAM = 4_608  # bytes of a stream with every flag standing and prices of `_DIGITS`, its names apart
_NAMED = 7  # how often a stream's names stand in the state: once, and once in each of its flags, rounded up
_DIGITS = 100  # as many as exact arithmetic takes
_PARTITIONS = range(1024)  # raw partitions whose marks are kept
_encode = msgspec.json.encode
_tick = msgspec.json.Decoder(TickRecord).decode
_ticks = msgspec.json.Decoder(list[TickRecord]).decode
_state = msgspec.json.Decoder(State).decode


class Quality:
    """One partition; what it knows of its symbols is in its checkpoint."""

    windows = ()

    def __init__(self, partition: int, at: Checkpoint, rules: Rules) -> None:
        self._rules, self._epoch = rules, at.epoch
        self.clocks: dict[str, Clock] = {}
        self.next_offset = at.next_offset
        self._state = _restored(at.state)
        self._bytes = _weight(self._state)
        self._faults: list[Fault] = []

    def checkpoint(self) -> Checkpoint:
        """Position and state; valid once everything returned so far is acknowledged."""
        state = msgspec.Raw(msgspec.json.encode(self._state))
        return Checkpoint(self._epoch, self.next_offset, self.next_offset, state=state)

    def faults(self) -> Sequence[Fault]:
        """The exceptions since the last call, for the log."""
        found, self._faults = self._faults, []
        return found

    def skip(self, record: Record, why: str) -> list[Output]:
        """It is not judged; the writer keeps its dead letter."""
        self.next_offset = max(self.next_offset, record.offset + 1)
        return []

    def tally(self) -> list[Output]:
        """What is judged was counted before."""
        return []

    def lost(self, start: int, end: int) -> list[Output]:
        """Ticks that the log dropped are not judged; their loss was counted before."""
        return []

    def step(self, records: Sequence[Record]) -> list[Output]:
        """Takes records in offset order."""
        out: list[Output] = []
        for event in _decode([record for record in records if record.offset >= self.next_offset]):
            if isinstance(event, Tick) and self._is_new(event) and event.run is None and not event.late:
                out += self._judged(event)
        if records:
            self.next_offset = max(self.next_offset, records[-1].offset + 1)
        return out

    def _judged(self, tick: Tick) -> list[Output]:
        """The flags of a tick; one that cannot be judged is none the less stored, so it has no dead letter but a line in the log."""
        try:
            return list(map(outputs.flag, self._judge(tick)))
        except Exception as fault:  # noqa: BLE001 whatever it is
            self._faults.append(Fault(tick.origin.offset, trace(fault)))
            return []

    def _is_new(self, tick: Tick) -> bool:
        if tick.origin.partition not in _PARTITIONS:
            return False
        mark = self._state.marks.get(tick.origin.partition)
        if mark is not None and tick.origin <= mark:
            return False
        self._state.marks[tick.origin.partition] = tick.origin
        return True

    def _judge(self, tick: Tick) -> Iterable[Flag]:
        state = self._state
        state.log_time = max(state.log_time, tick.received_at)
        swept = self._sweep() if state.log_time - state.swept >= MINUTE else []
        market = state.markets.get(tick.symbol)
        if market is None or tick.kind not in market.streams.get(tick.source, {}):
            bytes_ = self._bytes + weight(tick.source, tick.symbol)
            if bytes_ > BYTES or len(row(tick)[3].as_tuple().digits) > _DIGITS:
                return swept
            self._bytes = bytes_
        if market is None:
            market = state.markets[tick.symbol] = Market(tick.symbol)
        return swept + judge.judge(market, tick, self._rules)

    def _sweep(self) -> list[Flag]:
        """Forgets what was silent for too long."""
        state = self._state
        state.swept = state.log_time
        told = [flag for market in state.markets.values() for flag in judge.forget(market, state.log_time, self._rules)]
        state.markets = {symbol: market for symbol, market in state.markets.items() if market.streams}
        self._bytes = _weight(state)
        return told


def weight(source: str, symbol: str) -> int:
    """The bytes that a stream takes in a checkpoint, at most."""
    return _STREAM + _NAMED * (len(_encode(source)) + len(_encode(symbol)))


def _weight(state: State) -> int:
    return sum(weight(source, symbol) * len(kinds) for symbol, market in state.markets.items() for source, kinds in market.streams.items())


def _restored(state: msgspec.Raw) -> State:
    """The state of a checkpoint; what cannot be read begins anew."""
    try:
        return State() if bytes(state) == b"null" else _state(state)
    except FAULTS:
        return State()


def _decode(records: Sequence[Record]) -> list[TickRecord]:
    """The events of records; what cannot be read is left to the writer to reject."""
    try:
        return _ticks(b"[" + b",".join([record.value or b"null" for record in records]) + b"]")
    except FAULTS:
        return [event for record in records if (event := _read(record)) is not None]


def _read(record: Record) -> TickRecord | None:
    try:
        found: TickRecord = _tick(record.value or b"")
    except FAULTS:
        return None
    return found
