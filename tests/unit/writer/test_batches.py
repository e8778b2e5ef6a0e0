"""What a batch of the writer holds: as much of each partition, and fewer records after one that took long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.writer import runner
from services.writer.runner import Runner
from shared.bus import TopicPartition
from shared.records import Record, Stored
from shared.settings import Kafka
from shared.telemetry.probes import Health
from shared.topics import TICKS

FILE, LIVE = TopicPartition(TICKS.name, 0), TopicPartition(TICKS.name, 1)


class Consumer:
    """Takes the place of a consumer with a file's rows and a few live records."""

    generation = 0
    ready = frozenset({FILE, LIVE})

    def __init__(self, rows: int) -> None:
        self._left = {FILE: self._records(rows), LIVE: self._records(3)}

    def _records(self, count: int) -> list[Stored]:
        return [Stored(0, offset, 0, b"", b"x", ()) for offset in range(count)]

    async def poll(self, timeout_ms: int, max_records: int, wanted: Sequence[TopicPartition]) -> Mapping[TopicPartition, Sequence[Record]]:
        """Of the first partition that is wanted, as aiokafka does."""
        for tp in (FILE, LIVE):
            if tp in wanted and (left := self._left[tp]):
                self._left[tp] = left[max_records:]
                return {tp: left[:max_records]}
        return {}


def writing(rows: int) -> Runner:
    sink: Any = type("Sink", (), {"topics": (TICKS,)})()
    one = Runner(Kafka(), sink, Health(), group="postgres", batch_records=1_000)
    one._consumer = Consumer(rows)  # type: ignore[assignment]
    return one


async def sizes(one: Runner) -> dict[TopicPartition, int]:
    return {tp: len(records) for tp, records in (await one._collect()).items()}


async def test_a_file_holds_up_no_other_partition() -> None:
    one = writing(90_000)
    one._most = 100
    assert await sizes(one) == {LIVE: 3, FILE: 97}
    assert await sizes(one) == {FILE: 100}


async def test_a_batch_that_took_long_makes_the_next_ones_smaller_until_they_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BATCH_SECONDS", 0.05)
    monkeypatch.setattr(runner, "LEAST_RECORDS", 10)
    one = writing(0)

    async def slow() -> None:
        await asyncio.sleep(0.2)

    async def quick() -> None:
        """Takes no time."""

    async def nothing(ends: object) -> None:
        """Has no offsets to move."""

    monkeypatch.setattr(one, "_committed", nothing)
    found = []
    for write in (slow, slow, quick, quick):
        await one._write(write, {}, one._most)
        found.append(one._most)
    assert found[0] < 300
    assert found[1] < found[0] / 3
    assert found[2:] == [2 * found[1], 4 * found[1]]


async def test_small_batches_do_not_make_room_for_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one = writing(0)

    async def nothing(*ends: object) -> None:
        """Takes no time."""

    monkeypatch.setattr(one, "_committed", nothing)
    one._most = 100
    for _ in range(5):
        await one._write(nothing, {}, 10)
    assert one._most == 100
