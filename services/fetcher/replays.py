"""Dead letters as a run's input: each becomes a row again, with its own bytes, key and identity, under the new run.

Invariant: how far a replay is, is a partition and an offset, never a number of rows: retention removes letters while it runs. What was
removed before it was read is counted and named at the run's end.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from services.fetcher.protocol import Item, Output
from shared import dead_letters, runs
from shared.bus import Log
from shared.dead_letters import DeadLetter
from shared.events import Run
from shared.runs import ReplayRequest
from shared.settings import Kafka
from shared.topics import DEAD_LETTERS

NAMED = 5


class Checkpoint(msgspec.Struct):
    """The range that is being read, its next offset (0: its first), and what earlier attempts did."""

    range: int = 0
    offset: int = 0
    letters: int = 0
    partitions: list[int] = []
    gone: list[tuple[int, int, int]] = []  # partition, first, end


class ReplayInput:
    """The dead letters that a request names, each once however often its rejection was repeated, behind the run's checkpoint."""

    progress_seconds = 0.25

    def __init__(self, kafka: Kafka, run: Run, request: ReplayRequest) -> None:
        self._kafka, self._run, self._request = kafka, run, request
        # In records, since nobody knows a topic's size in bytes without reading it.
        self.bytes_total = sum(end - first for _, first, end in request.ranges)
        self._at = msgspec.convert(run.checkpoint, Checkpoint)
        self._used = set(self._at.partitions)
        if run.sent and not run.checkpoint:  # an earlier version counted rows; where they went is not known
            self._used = set(range(runs.raw_topic(run.run_id).partitions))
        self._seen: set[str] = set()

    @property
    def bytes_read(self) -> int:
        """How many offsets of the ranges are done."""
        done = sum(end - first for _, first, end in self._request.ranges[: self._at.range])
        if self._at.range < len(self._request.ranges) and self._at.offset:
            done += self._at.offset - self._request.ranges[self._at.range][1]
        return done

    @property
    def partitions(self) -> set[int]:
        """Where its rows went so far."""
        return self._used

    def progress(self) -> dict[str, Any]:
        """The checkpoint: all rows before it have been handed over."""
        self._at.partitions = sorted(self._used)
        return {"checkpoint": msgspec.to_builtins(self._at)}

    async def batches(self) -> AsyncIterator[Sequence[Output]]:
        """In partition and offset order, from the checkpoint on."""
        async with Log(self._kafka) as log:
            await self._remember(log)
            for index in range(self._at.range, len(self._request.ranges)):
                number, first, end = self._request.ranges[index]
                self._at.range, self._at.offset = index, max(self._at.offset, first)
                async for records in log.read(DEAD_LETTERS, number, self._at.offset, end):
                    rows = [row for record in records if (row := self._row(dead_letters.read(record)))]
                    self._used.update(row[0] for row in rows)
                    for record in records:
                        self._reached(number, record.offset)
                    self._at.letters += len(rows)
                    yield rows
                self._reached(number, end)
                self._at.range, self._at.offset = index + 1, 0

    def note(self) -> str:
        """How many there were, and how many were removed before they were read."""
        said = f"{self._at.letters} dead letters replayed"
        if self._at.gone:
            count = sum(end - first for _, first, end in self._at.gone)
            named = ", ".join(f"{DEAD_LETTERS.name}/{number} [{first}, {end})" for number, first, end in self._at.gone[:NAMED])
            said += f"; {count} offsets were removed by retention before they were read: {named}"
        return said

    def close(self) -> None:
        """Nothing is held."""

    async def _remember(self, log: Log) -> None:
        """The letters before the checkpoint, as far as they are still there: a repetition of one is not replayed again."""
        for index, (number, first, end) in enumerate(self._request.ranges[: self._at.range + 1]):
            upto = end if index < self._at.range else self._at.offset
            async for records in log.read(DEAD_LETTERS, number, first, upto):
                for record in records:
                    self._row(dead_letters.read(record))

    def _reached(self, number: int, offset: int) -> None:
        """Counts what is missing between the last offset and this one."""
        if offset > self._at.offset:
            self._at.gone.append((number, self._at.offset, offset))
        self._at.offset = offset + 1

    def _row(self, letter: DeadLetter | None) -> Item | None:
        if letter is None or letter.rows != self._request.rows or not letter.matches(self._request.reason, self._request.run):
            return None
        if letter.record_origin in self._seen:
            return None
        self._seen.add(letter.record_origin)
        return dead_letters.replayed(letter, self._run.run_id)
