"""trading.raw.v1: rows of orders, executions and quotes, normalised. Nothing is aggregated on the way: prices are found in the store."""

from collections import Counter
from collections.abc import Iterator, Sequence

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.protocol import Stop
from services.transformer.tallies import Tallies
from services.transformer.windows import Window, Windows
from shared.errors import Rejected
from shared.events import Execution, Nbbo, Order, Origin
from shared.records import ROW, RUN_HEADER, Record
from shared.time import HOUR
from shared.topics import TRADING_RAW
from shared.trading import rows
from shared.trading.raw import Raw, read

_HOUR_MS = HOUR // 1000


class Trading:
    """What the records of trading.raw.v1 mean; each is one event."""

    topic = TRADING_RAW
    aggregation = None
    read = staticmethod(read)
    event = staticmethod(outputs.trading_event)

    def __init__(self, partition: int, epoch: int) -> None:
        self._partition, self._epoch = partition, epoch

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
        """Takes the rows of files that follow, up to one that is rejected."""
        stop_ms, stop_offset = stop
        counted: list[tuple[str, str, int]] = []
        end, parse, made, epoch, partition = len(records), rows.parse, outputs.trading_event, self._epoch, self._partition
        while at < end:
            record = records[at]
            stamp, headers, offset = record.timestamp, record.headers, record.offset
            if stamp >= stop_ms or offset >= stop_offset or len(headers) != 1 or headers[0][0] != RUN_HEADER:
                break
            found = ROW.fullmatch(headers[0][1])
            if found is None:
                break
            run, received = found[1].decode(), stamp * 1000
            try:
                layout, event = parse(record.value or b"", (received, Origin(epoch, partition, offset), run))
            except Rejected:
                break
            out.append(made(event))
            counted.append((layout.file, run, stamp // _HOUR_MS))
            if received > log_time:
                log_time = received
            at += 1
        for (source, run, hour), count in Counter(counted).items():
            tallies.add(source, run, hour * HOUR, received=count)
        return at, log_time

    def forget(self) -> None:
        """Nothing is remembered."""


def machine(partition: int, at: Checkpoint, rules: Rules, *, publish: bool = True) -> Machine:
    """The state machine of one partition; `publish` is about live ticks, of which there are none here."""
    return Machine(Trading(partition, at.epoch), partition, at, rules)
