"""The Postgres sink as a test drives it: logs of derived partitions, written to it in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from services.writer.batch import Place
from services.writer.sinks.postgres import PostgresSink, candles
from shared.events import Candle
from shared.records import Record
from shared.settings import Settings
from shared.time import MINUTE, SECOND
from tests.system.store import query

T0 = 1_770_000_000 * SECOND // MINUTE * MINUTE
encode = msgspec.json.Encoder(decimal_format="string").encode
Result = TypeVar("Result")


@dataclass
class Stored:
    """A record as the consumer gives it."""

    value: bytes
    offset: int
    partition: int = 0
    timestamp: int = T0 // 1000
    key: bytes = b""
    headers: Sequence[tuple[str, bytes]] = ()


class Partition:
    """One derived partition's log, written in order."""

    def __init__(self, topic: str, number: int) -> None:
        self.place: Place = (topic, number)
        self.records: list[Stored] = []

    def add(self, *events: object) -> "Partition":
        for event in events:
            self.records.append(Stored(encode(event), len(self.records), self.place[1]))
        return self

    def since(self, offset: int) -> dict[Place, list[Stored]]:
        return {self.place: self.records[offset:]}


def with_sink(configured: Settings, work: Callable[[PostgresSink], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        sink = PostgresSink(configured)
        await sink.connect()
        try:
            return await work(sink)
        finally:
            await sink.close()

    return asyncio.run(run())


async def store(sink: PostgresSink, polled: Mapping[Place, Sequence[Record]]) -> None:
    write = await sink.prepare(polled)
    await write()


async def write_all(sink: PostgresSink, *partitions: Partition, step: int = 1_000_000) -> None:
    """From the stored positions to the ends, in batches of `step` records a partition."""
    logs = {part.place: (0, len(part.records)) for part in partitions}
    positions = await sink.positions(logs)
    while any(positions[part.place] < len(part.records) for part in partitions):
        batch = {part.place: part.records[positions[part.place] : positions[part.place] + step] for part in partitions}
        await store(sink, {place: records for place, records in batch.items() if records})
        positions = {place: positions[place] + len(batch[place]) for place in positions}


def stored_candles(url: str) -> list[Candle]:
    return [candles.candle(row) for row in query(url, "SELECT * FROM candles ORDER BY source, symbol, kind, start")]


def clear(url: str) -> None:
    names = (
        "ticks, candles, latest, candle_runs, closings, offsets, marks, outbox, ledger, tallies, dead_letters, runs, run_markers, log_gaps"
    )
    query(url, f"TRUNCATE {names}")
