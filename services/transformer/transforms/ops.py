"""ops.raw.v1: operational events, cleaned, and counted by service and minute."""

from collections.abc import Iterator, Sequence

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.tallies import Tallies
from services.transformer.windows import Window, Windows
from shared.aggregations import minutes
from shared.events import Origin, ServiceEvent
from shared.ops.raw import Raw, read
from shared.records import Record
from shared.topics import OPS_RAW


class Ops:
    """What the records of ops.raw.v1 mean; each is one event."""

    topic = OPS_RAW
    aggregation = minutes
    read = staticmethod(read)
    event = staticmethod(outputs.service_event)
    partial = staticmethod(outputs.minute)

    def events(self, raw: Raw, origin: Origin, max_skew: int) -> Iterator[ServiceEvent]:
        """The event of a record; raises `Rejected`."""
        yield raw.event(origin, max_skew)

    def entered(self, record: Record, event: ServiceEvent, clock: Clock, window: Window) -> None:
        """Nothing is remembered."""

    def advance(self, records: Sequence[Record], at: int, stop: int, windows: Windows, tallies: Tallies, out: list[Output]) -> int:
        """There is no faster way."""
        return at

    def forget(self) -> None:
        """Nothing is remembered."""


def machine(partition: int, at: Checkpoint, rules: Rules, *, publish: bool = True) -> Machine:
    """The state machine of one partition."""
    return Machine(Ops(), partition, at, rules, publish=publish)
