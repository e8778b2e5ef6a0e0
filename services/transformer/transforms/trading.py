"""trading.raw.v1: rows of orders, executions and quotes, normalised. Nothing is aggregated on the way: prices are found in the store."""

from collections.abc import Iterator, Sequence

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.protocol import Stop
from services.transformer.tallies import Tallies
from services.transformer.windows import Window, Windows
from shared.events import Execution, Nbbo, Order, Origin
from shared.records import Record
from shared.topics import TRADING_RAW
from shared.trading.raw import Raw, read


class Trading:
    """What the records of trading.raw.v1 mean; each is one event."""

    topic = TRADING_RAW
    aggregation = None
    read = staticmethod(read)
    event = staticmethod(outputs.trading_event)

    def events(self, raw: Raw, origin: Origin, max_skew: int) -> Iterator[Order | Execution | Nbbo]:
        """The event of a record; raises `Rejected`."""
        yield raw.event(origin, max_skew)

    def partial(self, partial: object) -> Output:
        """There are no windows."""
        raise NotImplementedError(f"{partial!r} is no window of {TRADING_RAW.name}")

    def entered(self, record: Record, event: object, clock: Clock, window: Window) -> None:
        """Nothing is remembered."""

    def advance(
        self, records: Sequence[Record], at: int, log_time: int, stop: Stop, windows: Windows, tallies: Tallies, out: list[Output]
    ) -> tuple[int, int]:
        """There is no faster way."""
        return at, log_time

    def forget(self) -> None:
        """Nothing is remembered."""


def machine(partition: int, at: Checkpoint, rules: Rules, *, publish: bool = True) -> Machine:
    """The state machine of one partition; `publish` is about live ticks, of which there are none here."""
    return Machine(Trading(), partition, at, rules)
