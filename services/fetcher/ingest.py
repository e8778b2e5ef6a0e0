"""One run from its request to its markers: rows, progress a few times a second, then the markers, then its end.

Progress only counts acknowledged rows, so a run that is taken up again sends at most the rows after the last progress twice, as the
same rows under the same ids.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from services.fetcher.pace import POLL_SECONDS, Pace
from services.fetcher.protocol import Input, Output, Resumable, TooLarge
from services.fetcher.publish import Publisher, Record
from shared import runs
from shared.errors import FileFault, Rejected
from shared.events import Marker, Run, RunStatus
from shared.records import cloud_event
from shared.telemetry import traces
from shared.time import to_iso
from shared.topics import DEAD_LETTERS, RAW_LIMIT, RUNS

PROGRESS_SECONDS = 0.25


class Stopped(Exception):
    """The run was left where it stands, its rows acknowledged and its progress published."""


class Ingest:
    """A run being carried out; `run` is its last published state."""

    def __init__(self, run: Run, publisher: Publisher, pace: Pace, stop: asyncio.Event) -> None:
        self.run = run
        self._publisher, self._pace, self._stop = publisher, pace, stop
        self._raw = runs.raw_topic(run.run_id)
        self._skip = run.sent
        self._sent, self._rejected = 0, 0
        self._used: set[int] = set()
        self._input: Input | None = None
        self._due = 0.0
        self._every = PROGRESS_SECONDS
        self._more: Callable[[], dict[str, Any]] = dict

    def resume(self, used: Collection[int], more: Callable[[], dict[str, Any]], *, every: float = 0.0) -> None:
        """For an input that begins behind the rows which earlier attempts sent to these partitions; `more` goes into the run's record.

        Where a row costs a request, that there is one is said at once.
        """
        self._sent = self._skip
        self._used.update(used)
        self._more, self._every = more, every

    async def begin(self) -> None:
        """Publishes the attempt before its input is opened: an input that ends the process is opened a bounded number of times."""
        await self._say("running", self.run.message)
        await self._publisher.acknowledge()

    async def opened(self, given: Input, **request: object) -> None:
        """Publishes what is read; `request` is added to the run's request."""
        self._input = given
        if isinstance(given, Resumable):
            self.resume(given.partitions, given.progress, every=given.progress_seconds)
        self.run = msgspec.structs.replace(self.run, request={**self.run.request, **request}, bytes_total=given.bytes_total)
        await self._say("running")
        await self._publisher.acknowledge()

    async def carry_out(self) -> None:
        """Publishes all rows and ends the run; raises `FileFault`, `Unavailable` and `Stopped`."""
        given = self._given()
        self._due = time.monotonic() + self._every
        async for batch in given.batches():
            await self._send(batch)
            if batch and isinstance(batch[-1], FileFault):
                raise batch[-1]
            if time.monotonic() >= self._due:
                await self._progress()
                await self._wait_for_readers()  # a slow file is never full, but runs ahead of slower readers
            elif self._publisher.full:
                await self._publisher.acknowledge()
                await self._wait_for_readers()
            if self._stop.is_set():
                await self._progress()
                await self._publisher.acknowledge()
                raise Stopped
        await self._progress()
        await self._mark("finished", "")
        await self._end("published", given.note())

    async def fail(self, message: str) -> None:
        """Ends the run with the fault's message; `aborted` markers follow what it published, now or in an earlier attempt."""
        if self.run.attempts > 1 and self._sent <= self._skip:  # an earlier attempt may have sent rows that this one has not seen
            self._used = set(range(self._raw.partitions))
        if self._used:
            await self._publisher.acknowledge()
            await self._mark("aborted", message)
        await self._end("failed", message)

    async def waits(self, why: str) -> None:
        """Says whom the run waits for, and how far it is, where its input keeps a checkpoint."""
        if not self._every:
            await self._progress(f"waiting: {why}")
            await self._publisher.acknowledge()

    def close(self) -> None:
        """Releases the input."""
        if self._input is not None:
            self._input.close()

    async def _send(self, batch: Sequence[Output]) -> None:
        """The rows of a batch that no earlier attempt has sent, by partition."""
        now = int(time.time() * 1000)
        groups: dict[int, list[Record]] = {}
        for output in batch:
            if isinstance(output, tuple):
                number, key, value, headers = output
                self._sent += 1
                group = groups.setdefault(number, [])
                if self._sent > self._skip:
                    group.append((key, value, headers, now))
            elif isinstance(output, TooLarge):
                self._rejected += 1
                if self._sent >= self._skip:
                    letter = _dead_letter(output, self.run, now)
                    await self._publisher.send(DEAD_LETTERS, output.partition % DEAD_LETTERS.partitions, [letter])
        self._used.update(groups)
        await self._publisher.send_all(self._raw, {number: records for number, records in groups.items() if records})

    async def _wait_for_readers(self) -> None:
        """Until what is in the topics fits their retention; says whom the run waits for."""
        while (why := await self._pace.hold(self._raw, self._used)) and not self._stop.is_set():
            if time.monotonic() >= self._due:
                await self._progress(f"waiting: {why}")
                await self._publisher.acknowledge()
            await asyncio.sleep(POLL_SECONDS)

    async def _progress(self, message: str = "") -> None:
        """Everything sent is acknowledged before it is counted."""
        await self._publisher.acknowledge()
        self._due = time.monotonic() + self._every
        await self._say("running", message)

    async def _mark(self, status: str, message: str) -> None:
        """A marker to each raw partition of the run, behind its acknowledged rows."""
        await self._publisher.acknowledge()
        run, partitions = self.run, sorted(self._used) or [runs.home(self.run.run_id) % self._raw.partitions]
        marker = Marker(
            run.run_id,
            self._raw.name,
            partitions,
            "finished" if status == "finished" else "aborted",
            run.source,
            max(self._sent, run.sent),
            message,
            rejected=self._rejected,
        )
        headers = cloud_event("marker", source=run.source, subject=run.run_id, event_id=f"{run.run_id}:end", time_us=run.updated_at)
        value, key = msgspec.json.encode(marker), run.run_id.encode()
        headers += traces.headers()
        for number in partitions:
            await self._publisher.send(self._raw, number, [(key, value, headers, time.time_ns() // 1_000_000)])
        await self._publisher.acknowledge()

    async def _end(self, status: RunStatus, message: str) -> None:
        await self._say(status, message)
        await self._publisher.acknowledge()

    async def _say(self, status: RunStatus, message: str = "") -> None:
        now = time.time_ns() // 1000
        done = self._input.bytes_read if self._input is not None else 0
        sent = max(self._sent, self.run.sent)
        self.run = msgspec.structs.replace(
            self.run,
            status=status,
            message=message,
            updated_at=now,
            sent=sent,
            bytes_read=max(done, self.run.bytes_read),
            **self._more(),
        )
        partition, key, value, headers = runs.record(self.run)
        await self._publisher.send(RUNS, partition, [(key, value, [*headers, *traces.headers()], now // 1000)])

    def _given(self) -> Input:
        if self._input is None:
            raise RuntimeError("begin comes before carry_out")
        return self._input


def _dead_letter(row: TooLarge, run: Run, now_ms: int) -> Record:
    """What is kept of a row that no topic takes: its first bytes, and its length and hash in the message."""
    fault = Rejected("too_large", f"the row has {row.length:,} bytes, the limit is {RAW_LIMIT:,}; sha256 {row.sha256}")
    headers = [
        *row.headers,
        ("error_reason", fault.reason.encode()),
        ("error_message", fault.message.encode()),
        ("error_source", (row.file or run.source).encode()),
        ("received_at", to_iso(now_ms * 1000).encode()),
        ("origin", f"fetcher/{run.run_id}/{row.file}{row.line}".encode()),
        ("attempts", b"1"),
    ]
    return row.key, row.head, headers, now_ms
