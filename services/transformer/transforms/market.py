"""market.raw.v1: payloads of venues to ticks and candles, each by its provider's `parse`; plain trades the fast way."""

from collections.abc import Iterator, Sequence

import msgspec

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.streams import Streams
from services.transformer.tallies import Tallies
from services.transformer.windows import Window, Windows
from shared.aggregations import candles
from shared.errors import Rejected
from shared.events import Fact, Origin, Tick, Trade
from shared.raw import Raw, complete, numbered, read
from shared.records import Record
from shared.topics import MARKET_RAW


class Market:
    """What the records of one partition of market.raw.v1 mean."""

    topic = MARKET_RAW
    aggregation = candles
    read = staticmethod(read)
    event = staticmethod(outputs.tick)
    partial = staticmethod(outputs.candle)

    def __init__(self, partition: int, epoch: int, rules: Rules, *, publish: bool) -> None:
        self._streams = Streams(epoch, partition, rules, publish=publish)

    def events(self, raw: Raw, origin: Origin, max_skew: int) -> Iterator[Fact | Rejected]:
        """The ticks of a payload; raises `Rejected` for the rest of it, yields it for one of several values."""
        for index, (value, n) in enumerate(numbered(raw.parse())):
            if isinstance(value, Rejected):
                yield value
                continue
            try:
                tick = complete(value, raw, msgspec.structs.replace(origin, index=index) if index else origin, max_skew, n)
            except Rejected as fault:
                yield fault
            else:
                yield tick

    def entered(self, record: Record, event: Tick, clock: Clock, window: Window) -> None:
        """A live tick's window: where the stream's next plain trades probably belong."""
        if isinstance(event, Trade):
            self._streams.enter(record.key, event.source, event.symbol, event.native_symbol, clock, window)

    def advance(self, records: Sequence[Record], at: int, stop: int, windows: Windows, tallies: Tallies, out: list[Output]) -> int:
        """Takes the plain trades that follow."""
        upto = self._streams.advance(records, at, stop, windows, out)
        self._streams.tally(records[at:upto], tallies)
        return upto

    def forget(self) -> None:
        """Windows have gone."""
        self._streams.clear()


def machine(partition: int, at: Checkpoint, rules: Rules, *, publish: bool = True) -> Machine:
    """The state machine of one partition."""
    return Machine(Market(partition, at.epoch, rules, publish=publish), partition, at, rules, publish=publish)
