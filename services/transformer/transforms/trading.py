"""trading.raw.v1: rows of orders, executions and quotes, normalised. Nothing is aggregated on the way: prices are found in the store."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress, takewhile

from services.transformer import outputs
from services.transformer.checkpoint import Checkpoint
from services.transformer.clocks import Clock, Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.tallies import Tallies
from services.transformer.windows import Window, Windows
from shared.events import Execution, Nbbo, Order, Origin
from shared.records import Record
from shared.time import EARLIEST, HOUR, LATEST
from shared.topics import TRADING_EVENTS, TRADING_RAW
from shared.trading.lines import envelopes, lines
from shared.trading.plain import Unusual, split
from shared.trading.raw import Raw, read
from shared.trading.rows import layout

_HOUR_MS = HOUR // 1000
_MOST, _FEW = 1024, 16  # rows that are taken together


class Trading:
    """What the records of trading.raw.v1 mean; each is one event."""

    topic = TRADING_RAW
    aggregation = None
    read = staticmethod(read)
    event = staticmethod(outputs.trading_event)

    def __init__(self, partition: int, epoch: int) -> None:
        self._partition, self._epoch = partition, epoch
        self._together, self._left = _MOST, 0

    def events(self, raw: Raw, origin: Origin, max_skew: int) -> Iterator[Order | Execution | Nbbo]:
        """The event of a record; raises `Rejected`."""
        yield raw.event(origin, max_skew)

    def partial(self, partial: object) -> Output:
        """There are no windows."""
        raise NotImplementedError(f"{partial!r} is no window of {TRADING_RAW.name}")

    def entered(self, record: Record, event: object, clock: Clock, window: Window) -> None:
        """Nothing is remembered."""

    def advance(self, records: Sequence[Record], at: int, stop: int, windows: Windows, tallies: Tallies, out: list[Output]) -> int:
        """Takes the plain rows of files that follow, many together: fewer after some were refused, and a few are left that still are."""
        if self._left:
            self._left -= 1
            return at
        while at < len(records) and (taken := _below(records[at : at + self._together], stop)):
            try:
                out += self._made(taken, tallies)
            except Exception:  # noqa: BLE001 the machine rejects the record that raises it
                self._together = max(_FEW, len(taken) // 4)
                if len(taken) > _FEW:
                    continue
                self._left = len(taken) - 1  # the machine takes the first without asking
                break
            self._together = min(_MOST, 2 * self._together)
            at += len(taken)
        return at

    def _made(self, records: Sequence[Record], tallies: Tallies) -> list[Output]:
        """What the records give, in their order; raises `Rejected` or `Unusual`, and nothing is counted."""
        stamps = [record.timestamp for record in records]
        if min(stamps) * 1000 < EARLIEST or max(stamps) * 1000 >= LATEST:
            raise Unusual
        headers, rows, runs = split(records)
        ends = envelopes(records, runs, self._epoch, self._partition)
        made: dict[str, Iterator[tuple[bytes, bytes]]] = {}
        numbers: dict[bytes, int] = {}
        for header in set(headers):
            ours = list(map(header.__eq__, headers))
            symbols, found = lines(header, list(compress(rows, ours)), list(compress(ends, ours)))
            places = {symbol: outputs.place(symbol) for symbol in set(symbols)}
            numbers.update({key: number for number, key in places.values()})
            made[header] = zip([places[symbol][1] for symbol in symbols], map(str.encode, found), strict=True)
        published = _by_partition([next(made[header]) for header in headers], numbers)
        hours = [stamp // _HOUR_MS for stamp in stamps]
        for (header, run, hour), count in Counter(zip(headers, runs, hours, strict=True)).items():
            tallies.add(layout(header)[0].file, run, hour * HOUR, received=count)
        return published

    def forget(self) -> None:
        """Nothing is remembered."""


def _by_partition(records: list[tuple[bytes, bytes]], numbers: Mapping[bytes, int]) -> list[Output]:
    """The records by the partitions of their keys: one, unless some were published under another key than their symbol."""
    if len(wanted := set(numbers.values())) == 1:
        return [Output(TRADING_EVENTS, wanted.pop(), None, None, many=records)]
    sorted_out = {number: [record for record in records if numbers[record[0]] == number] for number in wanted}
    return [Output(TRADING_EVENTS, number, None, None, many=found) for number, found in sorted_out.items()]


def _below(records: Sequence[Record], stop: int) -> Sequence[Record]:
    """The records below the offset `stop`."""
    if records[-1].offset < stop:
        return records
    return list(takewhile(lambda record: record.offset < stop, records))


def machine(partition: int, at: Checkpoint, rules: Rules, *, publish: bool = True) -> Machine:
    """The state machine of one partition; `publish` is about live ticks, of which there are none here."""
    return Machine(Trading(partition, at.epoch), partition, at, rules)
