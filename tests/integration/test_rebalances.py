"""A group that decides anew while a member still reads its positions: nothing of what comes afterwards is passed over."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

import pytest

from services.transformer import checkpoint as checkpoints
from services.transformer.__main__ import ticks
from services.transformer.outputs import Output
from services.transformer.protocol import Transform
from services.transformer.runner import Runner
from shared.bus import Log, Producer, TopicPartition, admin
from shared.bus.consumer import Consumer
from shared.partitioning import partition
from shared.records import Record
from shared.settings import Kafka, Settings
from shared.telemetry.probes import Health
from shared.topics import CHECKPOINTS, MARKET_RAW, TICKS, TOPICS

FRAME = b'{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}'
KEY = b"binance|BTCUSDT"


class Shaken(Consumer):
    """The first time that positions are read, all partitions are taken away and given back."""

    shaken = False

    async def range(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """The log's offsets, as ever."""
        found = await super().range(partitions)
        if not self.shaken:
            self.shaken = True
            self.lose()
            self.gain(partitions)
        return found


async def test_a_rebalance_while_positions_are_read_leaves_no_partition_behind(kafka_settings: Kafka) -> None:
    made = ticks(Settings())
    runner = Runner(kafka_settings, made, Health(), group="transformer", checkpoint_seconds=0.2)
    shaken = Shaken(kafka_settings, group="transformer", topics=[topic for topic in TOPICS if topic.name in made])
    vars(runner)["_consumer"] = shaken
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run(stop))
        async with Producer(kafka_settings, client_id="test") as producer:
            async with asyncio.timeout(60):
                while not settled(runner, shaken):  # noqa: ASYNC110 nobody tells of it
                    await asyncio.sleep(0.05)
            producer.add(MARKET_RAW, partition(KEY, MARKET_RAW.partitions), KEY, FRAME)
            await producer.flush()
        found = await published(kafka_settings)
        stop.set()
    assert b'"12345"' in found


class Slow(Consumer):
    """Whenever the log's ends are read, the partition's former owner finishes one more record afterwards."""

    former: Callable[[], Awaitable[None]]
    asked = 0

    async def range(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """The log's offsets, as ever."""
        found = await super().range(partitions)
        if partitions:
            self.asked += 1
        if partitions and self.asked == 1:
            await self.former()
        return found


async def test_a_checkpoint_that_moves_while_positions_are_read_is_no_other_logs(kafka_settings: Kafka) -> None:
    epoch, number = 1234, partition(KEY, MARKET_RAW.partitions)
    made = ticks(Settings())
    slow = Slow(kafka_settings, group="transformer", topics=[topic for topic in TOPICS if topic.name in made])
    runner = Runner(kafka_settings, made, Health(), group="transformer", checkpoint_seconds=0.2)
    vars(runner)["_consumer"] = slow
    async with Producer(kafka_settings, client_id="test") as producer:

        async def one_more(done: int) -> None:
            producer.add(MARKET_RAW, number, KEY, FRAME)
            producer.add(
                CHECKPOINTS,
                number,
                checkpoints.key("transformer", MARKET_RAW.name, number),
                checkpoints.encode(checkpoints.Checkpoint(epoch, done, done)),
            )
            await producer.flush()

        await one_more(1)
        slow.former = partial(one_more, 2)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(runner.run(stop))
            async with asyncio.timeout(60):
                while not slow.asked or not slow.ready:  # noqa: ASYNC110 nobody reports it
                    await asyncio.sleep(0.05)
            producer.add(MARKET_RAW, number, KEY, FRAME)
            await producer.flush()
            found = await published(kafka_settings)
            stop.set()
    assert b"[%d," % epoch in found or b'"epoch":%d' % epoch in found


class Sluggish:
    """A transform whose records take long."""

    def __init__(self, transform: Transform) -> None:
        self._transform = transform

    def __getattr__(self, name: str) -> object:
        return getattr(self._transform, name)

    def step(self, records: Sequence[Record]) -> list[Output]:
        """As ever, after 0.4 s a record."""
        time.sleep(0.4 * len(records))
        return self._transform.step(records)


async def test_a_slow_batch_does_not_cost_the_membership(kafka_settings: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight seconds of work are polled at once; the session lasts six."""
    monkeypatch.setattr("services.transformer.runner.STEP_RECORDS", 5)
    make = ticks(Settings())[MARKET_RAW.name]
    runner = Runner(
        kafka_settings,
        {MARKET_RAW.name: lambda number, at: Sluggish(make(number, at))},  # type: ignore[dict-item, return-value]
        Health(),
        group="transformer",
        checkpoint_seconds=0.2,
    )
    number = partition(KEY, MARKET_RAW.partitions)
    async with Producer(kafka_settings, client_id="test") as producer:
        for _ in range(20):
            producer.add(MARKET_RAW, number, KEY, FRAME)
        await producer.flush()
    stop = asyncio.Event()
    consumer = vars(runner)["_consumer"]
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run(stop))
        async with asyncio.timeout(60):
            while not consumer.ready:  # noqa: ASYNC110 nobody reports it
                await asyncio.sleep(0.05)
            generation, done = consumer.generation, 0
            while done < 20:
                await asyncio.sleep(0.2)
                done = (await admin.committed(kafka_settings, "transformer", [MARKET_RAW])).get((MARKET_RAW.name, number), (0, ""))[0]
        assert consumer.generation == generation
        stop.set()


def settled(runner: Runner, shaken: Shaken) -> bool:
    """Whether the runner has noticed the second assignment, and delivers all partitions again."""
    return shaken.shaken and vars(runner)["_generation"] == shaken.generation and not shaken.uninitialised


async def published(kafka: Kafka) -> bytes:
    """The first tick that comes within a minute."""
    place = partition(b"BTC-USDT", TICKS.partitions)
    deadline = time.monotonic() + 60
    async with Log(kafka) as log:
        while time.monotonic() < deadline:
            first, end = (await log.ranges(TICKS, [place]))[place]
            async for records in log.read(TICKS, place, first, end):
                for record in records:
                    if record.value and b"12345" in record.value:
                        return record.value
            await asyncio.sleep(0.1)
    return b""
