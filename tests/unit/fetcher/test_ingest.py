"""The order in which a run publishes: its progress counts no row before that row is acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from services.fetcher.ingest import Ingest
from services.fetcher.pace import Pace
from services.fetcher.protocol import Output
from services.fetcher.publish import Publisher, Record
from shared.events import Marker, Run
from shared.settings import Kafka
from shared.topics import RUNS, Topic


class Recorded(Publisher):
    """A publisher that keeps what is sent, and how many rows were acknowledged when each run record was sent."""

    def __init__(self) -> None:
        super().__init__(Kafka(), client_id="test", in_flight=1000)
        self.rows = self.acknowledged = 0
        self.progress: list[tuple[int, int]] = []  # rows that a record counts, rows acknowledged by then
        self.markers: list[int] = []  # rows acknowledged when a marker was sent

    async def send_all(self, topic: Topic, groups: Mapping[int, Sequence[Record]]) -> None:
        for _, value, headers, _ in (record for records in groups.values() for record in records):
            if topic is RUNS:
                sent = msgspec.json.decode(value or b"", type=Run).sent
                self.progress.append((sent, self.acknowledged))
            elif any(name == "ce_type" for name, _ in headers):
                assert msgspec.json.decode(value or b"", type=Marker).sent <= self.acknowledged
                self.markers.append(self.acknowledged)
            else:
                self.rows += 1

    async def acknowledge(self) -> None:
        self.acknowledged = self.rows


class Rows:
    """An input of batches of two rows; each batch is due for progress."""

    bytes_total = bytes_read = 8
    progress_seconds, partitions = 0.0, {0}

    def progress(self) -> dict[str, object]:
        return {}

    async def batches(self) -> AsyncIterator[Sequence[Output]]:
        for _ in range(4):
            yield [(0, b"k", b"row", []), (0, b"k", b"row", [])]

    def note(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing to release."""


async def test_a_run_counts_a_row_as_sent_only_after_its_acknowledgement() -> None:
    publisher = Recorded()
    run = Run("prices-1", "prices", "running", "binance", 0, 0, attempts=1)
    ingest = Ingest(run, publisher, Pace(Kafka(), 0), asyncio.Event())
    await ingest.begin()
    await ingest.opened(Rows())
    await ingest.carry_out()
    assert publisher.rows == 8
    assert [sent for sent, _ in publisher.progress][-1] == 8
    assert len(publisher.progress) > 4
    assert all(sent <= acknowledged for sent, acknowledged in publisher.progress)
    assert publisher.markers == [8]
