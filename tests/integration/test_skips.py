"""Records that an operator sets aside: the transformer and the writer pass them by, and each is a dead letter with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import asyncpg
import msgspec
import pytest
from typer.testing import CliRunner, Result

from services.cli.main import application
from services.transformer.__main__ import ticks
from services.transformer.runner import Runner as Transforming
from services.writer.relay import Relay
from services.writer.runner import Runner as Writing
from services.writer.sinks.postgres import PostgresSink
from shared import dead_letters
from shared.bus import Producer, admin
from shared.events import Count, Marker, Origin, Skip, Tally, Trade
from shared.records import cloud_event
from shared.settings import Database, Kafka, Settings
from shared.telemetry.probes import Health
from shared.time import HOUR, floor
from shared.topics import DEAD_LETTERS, MARKET_RAW, SKIPS, TICKS
from tests.fixtures import runs
from tests.fixtures.api import serving
from tests.integration.sink import T0, encode

KEY = b"push-me|BTC-USD"
Tickplant = Callable[..., Result]


@pytest.fixture
def tickplant(kafka_settings: Kafka, tmp_path: Path) -> Tickplant:
    """The command, on this test's topics."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka_settings.topic_prefix,
        "TICKPLANT_HOME": str(tmp_path),
        "COLUMNS": "200",
    }
    return lambda *arguments: CliRunner().invoke(application(), arguments, env=environment)


def pushed(number: int) -> bytes:
    return b'{"source":"push-me","symbol":"BTC-USD","time":"2021-01-08T00:00:%02dZ","price":"1","size":"1","id":"%d"}' % (number, number)


def trade(number: int) -> Trade:
    return Trade(
        "BTC-USD", "BTCUSD", T0 + number, Decimal(100), Decimal(1), "buy", f"{number}", number, "binance", T0, Origin(1, 0, number)
    )


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(40):
        while not await reached():  # noqa: ASYNC110 the state of other processes
            await asyncio.sleep(0.1)


async def letters(kafka: Kafka) -> dict[str, str]:
    found = [letter for record in await runs.dead_letters(kafka) if (letter := dead_letters.read(record))]
    return {letter.reason: letter.message for letter in found}


async def test_the_transformer_passes_a_record_by(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    async with Producer(kafka_settings, client_id="test") as producer:
        for number in range(5):
            producer.add(MARKET_RAW, 3, KEY, pushed(number))
        await producer.flush()
    told = await asyncio.to_thread(tickplant, "skip", MARKET_RAW.name, "3", "2", "--why", "it stops the parser")
    assert told.exit_code == 0, told.output
    assert "market.raw.v1/3/2 is set aside; transformer skip it" in told.output
    (kept,) = await runs.records(kafka_settings, SKIPS)
    ids = await admin.topic_ids(kafka_settings)
    assert msgspec.json.decode(kept.value or b"", type=Skip).topic_id == ids[MARKET_RAW.name] != ""
    stop = asyncio.Event()
    runner = Transforming(kafka_settings, ticks(Settings()), Health(), group="transformer", checkpoint_seconds=0.2)
    task = asyncio.create_task(runner.run(stop))

    async def published() -> bool:
        values = [record.value or b"" for record in await runs.records(kafka_settings, TICKS)]
        return sum(b'"trade_id":"' in value for value in values) == 4

    await until(published)
    stop.set()
    await task
    assert await letters(kafka_settings) == {"skipped": "it stops the parser"}
    again = await asyncio.to_thread(tickplant, "skip", MARKET_RAW.name, "3", "4", "--why", "late")
    assert (again.exit_code, "has been read by transformer already" in again.output) == (1, True)


async def test_the_writer_passes_a_record_by_and_the_rejection_is_shown(
    kafka_settings: Kafka, database_url: str, tickplant: Tickplant
) -> None:
    settings = Settings(kafka=kafka_settings, database=Database(url=database_url))
    count = Count("binance", "", floor(T0, HOUR), 6, 0, 0)
    async with Producer(kafka_settings, client_id="test") as producer:
        for number in range(6):
            producer.add(TICKS, 0, b"BTC-USD", encode(trade(number)))
        producer.add(TICKS, 0, b"tally", encode(Tally(MARKET_RAW.name, 0, 1, 0, 6, [count])))
        await producer.flush()
    for offset in ("0", "3", "4"):
        told = await asyncio.to_thread(tickplant, "skip", TICKS.name, "0", offset, "--why", "by hand")
        assert told.exit_code == 0, told.output
    stop, health = asyncio.Event(), Health()
    runner = Writing(kafka_settings, PostgresSink(settings), health, group="postgres", batch_records=1000)
    tasks = [asyncio.create_task(runner.run(stop)), asyncio.create_task(Relay(settings, health).run(stop))]
    connection = await asyncpg.connect(database_url)

    async def stored() -> bool:
        at = await connection.fetchval("SELECT max(next_offset) FROM offsets WHERE topic = $1", TICKS.name)
        waiting = await connection.fetchval("SELECT count(*) FROM outbox")
        return bool(at == 7 and not waiting)

    await until(stored)
    stop.set()
    await asyncio.gather(*tasks)
    numbers = [row[0] for row in await connection.fetch("SELECT id FROM ticks ORDER BY event_time")]
    await connection.close()
    assert numbers == ["1", "2", "5"]
    async with serving(database_url) as api:
        shown = await api.get("/rejects", reason="skipped")
    assert shown["counts"] == {"skipped": 3}
    assert await letters(kafka_settings) == {"skipped": "by hand"}


def test_what_cannot_be_skipped_is_refused_with_a_message(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    async def publish() -> None:
        async with Producer(kafka_settings, client_id="test") as producer:
            headers = cloud_event("marker", source="csv", subject="r", event_id="r:end", time_us=1)
            producer.add(MARKET_RAW, 0, b"r", encode(Marker("r", MARKET_RAW.name, [0], "finished")), headers)
            producer.add(TICKS, 0, b"tally", b"{}")
            await producer.flush()

    asyncio.run(publish())
    for topic, partition, offset, says in (
        (MARKET_RAW.name, "0", "0", "it is a run's marker"),
        (TICKS.name, "0", "0", "counts of the ledger"),
        (MARKET_RAW.name, "0", "1", "has no record at 1; its log is [0, 1)"),
        (MARKET_RAW.name, "12", "0", "has the partitions 0 to 11"),
        (DEAD_LETTERS.name, "1", str(2**62), "has no record at"),
        ("pipeline.checkpoints.v1", "0", "0", "no service that could fail at a record reads"),
        ("nothing.v1", "0", "0", "is none of"),
    ):
        told = tickplant("skip", topic, partition, offset, "--why", "x")
        assert (told.exit_code, says in told.output) == (1, True), (topic, told.output)
