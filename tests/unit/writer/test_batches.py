"""How much a batch of the writer holds: records up to its limit, and no more polls once it has its bytes."""

from __future__ import annotations

from typing import Any

import pytest

from services.writer import runner
from services.writer.runner import Runner
from shared.bus import TopicPartition
from shared.records import Stored
from shared.settings import Kafka
from shared.telemetry.probes import Health
from shared.topics import TICKS

PLACE = TopicPartition(TICKS.name, 0)


class Consumer:
    """Takes the place of a consumer: each poll gives one more record."""

    generation = 0

    def __init__(self, size: int) -> None:
        self._size, self._next = size, 0

    async def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Stored]]:
        self._next += 1
        return {PLACE: [Stored(0, self._next, 0, b"", b"x" * self._size, ())]}


@pytest.mark.parametrize(("size", "records"), [(1, 9), (250, 4), (10_000, 1)])
async def test_a_batch_ends_at_its_records_or_at_its_bytes(monkeypatch: pytest.MonkeyPatch, size: int, records: int) -> None:
    monkeypatch.setattr(runner, "BATCH_BYTES", 1_000)
    sink: Any = type("Sink", (), {"topics": (TICKS,)})()
    one = Runner(Kafka(), sink, Health(), group="postgres", batch_records=9)
    one._consumer = Consumer(size)  # type: ignore[assignment]
    assert [record.offset for record in (await one._collect())[PLACE]] == list(range(1, records + 1))
