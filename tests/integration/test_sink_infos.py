"""Market infos in Postgres: each once, the first received, and counted, whatever order and batches they come in."""

import asyncio
import random
from decimal import Decimal

import pytest

from services.writer.sinks.postgres import PostgresSink
from shared.events import MarketInfo, Origin
from shared.settings import Database, Kafka, Settings
from shared.time import MINUTE, SECOND, to_datetime
from shared.topics import TICKS
from tests.integration.sink import Partition, write_all
from tests.system.store import query

T0 = 1_770_000_000 * SECOND // MINUTE * MINUTE
COLUMNS = "symbol, event_time, id, name, rank, market_cap, volume_24h, change_1h, change_24h, change_7d, received_at, run"


def info(number: int, copy: int, offset: int) -> MarketInfo:
    """A fact by its number; its copies differ in when they were received and by which run."""
    figures = (Decimal(f"{number}.50"), None, Decimal("-0.1"), Decimal(number), None)
    at = T0 + number * SECOND
    envelope = (f"id-{number}", "coincap", at + copy, Origin(1, 0, offset), f"snapshot-{copy}")
    return MarketInfo("BTC-USD", "bitcoin", at, "Bitcoin", number, *figures, *envelope)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_and_batching_keeps_the_first_received_and_counts_the_others(
    seed: int, bootstrap_servers: str, database_url: str
) -> None:
    rng = random.Random(seed)
    given = [(number, copy) for number in range(12) for copy in range(3)]
    rng.shuffle(given)
    part = Partition(TICKS.name, 0).add(*(info(number, copy, offset) for offset, (number, copy) in enumerate(given)))
    configured = Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database.model_validate({"url": database_url}))

    async def write() -> None:
        sink = PostgresSink(configured)
        await sink.connect()
        try:
            await write_all(sink, part, step=rng.randrange(1, 15))
            await write_all(sink, part)  # again: nothing happens
        finally:
            await sink.close()

    asyncio.run(write())
    stored = [tuple(row) for row in query(database_url, f"SELECT {COLUMNS} FROM market_info ORDER BY event_time")]
    assert stored == [row(info(number, 0, 0)) for number in range(12)]
    counts = query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger WHERE source = 'coincap'")
    assert tuple(map(int, counts[0])) == (12, 24)


def row(one: MarketInfo) -> tuple[object, ...]:
    """As it is stored."""
    figures = (one.market_cap, one.volume_24h, one.change_1h, one.change_24h, one.change_7d)
    named = (one.symbol, to_datetime(one.event_time), one.info_id, one.name, one.rank)
    return (*named, *figures, to_datetime(one.received_at), one.run)
