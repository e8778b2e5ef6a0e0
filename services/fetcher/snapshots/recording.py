"""A snapshot's run on the topics: begun, its responses as raw records, their markers, and the run with all its attempts.

A run is begun before anybody is asked: if its fetcher dies, whoever takes its partition over ends it.
"""

import secrets
import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from services.fetcher.publish import Publisher, Record
from services.fetcher.snapshots.asking import Answer
from shared import runs
from shared.events import Marker, Run, RunStatus
from shared.partitioning import partition
from shared.records import Row, cloud_event, response_headers
from shared.settings import Settings
from shared.snapshots import Snapshot, document
from shared.telemetry import traces
from shared.telemetry.probes import Health
from shared.time import to_datetime
from shared.topics import MARKET_RAW, RUNS

SOURCE = "snapshots"
_encode = msgspec.json.Encoder(decimal_format="string").encode


class Recording:
    """One run; waits for Kafka as long as it takes: cancel it to stop."""

    def __init__(self, settings: Settings, assets: Sequence[str], sources: Sequence[str], health: Health | None = None) -> None:
        in_flight = settings.fetcher.in_flight
        self._publisher = Publisher(settings.kafka, client_id="fetcher-snapshots", in_flight=in_flight, health=health)
        now = time.time_ns() // 1000
        run_id = f"snapshot-{to_datetime(now):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        request = {"assets": list(assets), "sources": list(sources)}
        self.run = Run(run_id, "snapshot", "running", SOURCE, now, now, request, attempts=1)

    async def begin(self) -> None:
        """Says that it is being taken."""
        await self._say("running")

    async def end(self, snapshot: Snapshot, answers: Sequence[Answer]) -> Run:
        """Publishes what was received, then what the run came to: failed if nobody gave a price."""
        complaints = [f"{attempt.source}: {attempt.error}" for attempt in snapshot.attempts if attempt.error]
        complaints += [f"{skipped.source}: {skipped.reason}" for skipped in snapshot.skipped]
        message = f"no price of {', '.join(snapshot.missing)}: {'; '.join(complaints)}"[:1000] if snapshot.missing else ""
        failed = len(snapshot.missing) == len(snapshot.assets)
        used = await self._send(answers)
        self.run = msgspec.structs.replace(
            self.run,
            sent=len(answers),
            bytes_read=sum(len(answer.body) for answer in answers),
            bytes_total=sum(len(answer.body) for answer in answers),
            message=message,
            result=msgspec.json.decode(_encode(document(snapshot))),
        )
        if used:
            await self._say("running")  # the store may know of the end, by the markers, before it sees the last record
            await self._mark(used, "aborted" if failed else "finished", len(answers), message)
        await self._say("failed" if failed else "published")
        return self.run

    async def fail(self, message: str) -> None:
        """Ends a run whose taking failed: no response of it is published."""
        self.run = msgspec.structs.replace(self.run, message=message)
        await self._say("failed")

    async def close(self) -> None:
        """Closes the connection."""
        await self._publisher.close()

    async def _send(self, answers: Sequence[Answer]) -> list[int]:
        by_place: dict[int, list[Record]] = {}
        for line, answer in enumerate(answers, 1):
            key = answer.source.encode()
            told = (answer.status, answer.latency_ms, answer.attempt, answer.at)
            headers = [*response_headers(answer.source, answer.url, *told), Row(self.run.run_id, line, 0).header(), *traces.headers()]
            by_place.setdefault(partition(key, MARKET_RAW.partitions), []).append((key, answer.body, headers, answer.at // 1000))
        await self._publisher.send_all(MARKET_RAW, by_place)
        await self._publisher.acknowledge()
        return sorted(by_place)

    async def _mark(self, used: list[int], status: Literal["finished", "aborted"], sent: int, message: str) -> None:
        """Behind the acknowledged responses."""
        run, now = self.run, time.time_ns() // 1000
        value = msgspec.json.encode(Marker(run.run_id, MARKET_RAW.name, used, status, run.source, sent, message))
        headers = cloud_event("marker", source=run.source, subject=run.run_id, event_id=f"{run.run_id}:end", time_us=now)
        headers += traces.headers()
        for place in used:
            await self._publisher.send(MARKET_RAW, place, [(run.run_id.encode(), value, headers, now // 1000)])
        await self._publisher.acknowledge()

    async def _say(self, status: RunStatus) -> None:
        self.run = msgspec.structs.replace(self.run, status=status, updated_at=time.time_ns() // 1000)
        place, key, value, headers = runs.record(self.run)
        await self._publisher.send(RUNS, place, [(key, value, [*headers, *traces.headers()], self.run.updated_at // 1000)])
        await self._publisher.acknowledge()
