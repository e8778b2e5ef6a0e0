"""Stores batches one by one, and halves those that the store refuses until each has the record alone that is to blame.

Invariant: the parts of a batch are stored in its order, partition by partition, each with its position; so whatever interrupts this, what
was stored is not read again, and every record is stored, or rejected with a reason.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from time import monotonic

from services.writer.batch import Place, cleaned
from services.writer.protocol import Refused, Sink, TooMuch
from shared.errors import Unavailable
from shared.records import Record
from shared.telemetry.logs import log

Polled = Mapping[Place, Sequence[Record]]
CAREFUL_SECONDS, SMALL_SECONDS = 60.0, 300.0  # after a refusal; after a batch that was too much
TURN_SECONDS = 60.0  # then the group is asked whose the partitions are
TRACE = 4000  # characters of a traceback in the log
ATTEMPTS = 5  # at a record that is too much by itself: others may have taken the room


class Halving:
    """How batches are stored since the last refusal."""

    def __init__(self, sink: Sink, limit: int) -> None:
        self._sink, self._limit, self._most = sink, limit, limit
        self._until = 0.0
        self._stored = 0  # records of the largest part that was stored of this batch
        self._attempts: dict[tuple[Place, int], int] = {}

    @property
    def active(self) -> bool:
        """Whether batches are to be stored by this."""
        return monotonic() < self._until

    @property
    def most(self) -> int:
        """How many records a batch may have."""
        if not self.active:
            self._most = self._limit
        return self._most

    def begin(self, fault: Refused) -> None:
        """A batch was refused: it is read again, and halved."""
        log().warning("a batch is refused and halved", reason=str(fault))
        self._extend(fault)

    def _extend(self, fault: Refused) -> None:
        seconds = SMALL_SECONDS if isinstance(fault, TooMuch) else CAREFUL_SECONDS
        self._until = max(self._until, monotonic() + seconds)

    async def store(self, polled: Polled, goes_on: Callable[[], bool]) -> bool:
        """Stores or rejects every record; False if it stopped before, because `goes_on` said no or it took too long.

        Raises `Fenced` or `Unavailable`.
        """
        ends = monotonic() + TURN_SECONDS
        self._stored, too_much, parts = 0, False, [polled]
        while parts:
            if not goes_on() or monotonic() > ends:
                return False
            part = parts.pop()
            try:
                await self._write(part)
                self._stored = max(self._stored, count(part))
            except Refused as fault:
                too_much = too_much or isinstance(fault, TooMuch)
                self._extend(fault)
                if count(part) > 1:
                    parts += reversed(halves(part))
                else:
                    await self._alone(part, fault)
        if too_much:
            self._most = max(1, self._stored)
        return True

    async def _write(self, part: Polled) -> None:
        self._sink.forget(())  # the marks of a part that was refused
        write = await self._sink.prepare(part)
        await write()

    async def _alone(self, part: Polled, fault: Refused) -> None:
        """One record: stored without its NULs where it has some, else rejected."""
        place, record = next((place, records[0]) for place, records in part.items())
        if (found := cleaned(record)) is not None:
            try:
                await self._write({place: [found]})
            except Refused as again:
                fault = again
            else:
                log().warning("a record is stored without its NULs", topic=place[0], partition=place[1], offset=record.offset)
                return
        if isinstance(fault, TooMuch):
            self._try_again(place, record.offset, fault)
        log().error("a record is rejected", topic=place[0], partition=place[1], offset=record.offset, trace=_trace(fault))
        await self._sink.reject(place, record, str(fault))

    def _try_again(self, place: Place, offset: int, fault: TooMuch) -> None:
        """Raises `Unavailable` for the first attempts at a record."""
        known = self._attempts.get((place, offset), 0) + 1
        self._attempts = {} if known >= ATTEMPTS else {(place, offset): known}
        if known < ATTEMPTS:
            raise Unavailable(f"{place[0]}/{place[1]}: the record at {offset} is too much for the store: {fault}") from fault


def _trace(fault: Refused) -> str:
    return "".join(traceback.format_exception(fault, limit=-5))[-TRACE:]


def count(part: Polled) -> int:
    """How many records there are."""
    return sum(map(len, part.values()))


def halves(part: Polled) -> tuple[Polled, Polled]:
    """The first half of the records, taken partition by partition, and the others; both in the order of the whole."""
    left, first, second = count(part) // 2, {}, {}
    for place, records in part.items():
        taken = list(islice(records, left))
        if taken:
            first[place] = taken
        if rest := records[len(taken) :]:
            second[place] = rest
        left -= len(taken)
    return first, second
