"""Dead letters as a run's input: each becomes a row again, with its own bytes, key and identity, under the new run."""

from collections.abc import AsyncIterator, Sequence

from services.fetcher.protocol import Output
from shared import dead_letters
from shared.bus import Log
from shared.dead_letters import DeadLetter
from shared.events import Run
from shared.runs import ReplayRequest
from shared.settings import Kafka
from shared.topics import DEAD_LETTERS


class ReplayInput:
    """The dead letters that a request names, each once however often its rejection was repeated."""

    def __init__(self, kafka: Kafka, run: Run, request: ReplayRequest) -> None:
        self._kafka, self._run, self._request = kafka, run, request
        # In records, since nobody knows a topic's size in bytes without reading it.
        self.bytes_total = sum(end - first for _, first, end in request.ranges)
        self.bytes_read = 0
        self._seen: set[str] = set()

    async def batches(self) -> AsyncIterator[Sequence[Output]]:
        """In partition and offset order, which a second reading repeats."""
        async with Log(self._kafka) as log:
            done = 0
            for number, first, end in self._request.ranges:
                async for records in log.read(DEAD_LETTERS, number, first, end):
                    self.bytes_read = done + records[-1].offset + 1 - first
                    letters = [letter for record in records if (letter := dead_letters.read(record))]
                    yield [dead_letters.replayed(letter, self._run.run_id) for letter in letters if self._wanted(letter)]
                done += end - first
            self.bytes_read = done

    def note(self) -> str:
        """How many there were."""
        return f"{len(self._seen)} dead letters replayed"

    def close(self) -> None:
        """Nothing is held."""

    def _wanted(self, letter: DeadLetter) -> bool:
        if letter.rows != self._request.rows or not letter.matches(self._request.reason, self._request.run):
            return False
        if letter.record_origin in self._seen:
            return False
        self._seen.add(letter.record_origin)
        return True
