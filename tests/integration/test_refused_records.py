"""Records that the store does not take: each is stored cleaned or becomes a dead letter, all others are stored, the books balance."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest

from services.writer.halving import Halving
from services.writer.relay import Relay
from services.writer.runner import Runner
from services.writer.sinks.postgres import PostgresSink, proofs
from services.writer.sinks.postgres.connection import connect
from shared import dead_letters
from shared.bus import Producer
from shared.events import Count, Execution, Nbbo, Order, Origin, ServiceEvent, Tally, Trade
from shared.settings import Database, Kafka, Settings
from shared.telemetry.probes import Health
from shared.time import HOUR, floor
from shared.topics import DEAD_LETTERS, OPS_EVENTS, TICKS, TRADING_EVENTS
from tests.fixtures import runs
from tests.integration.sink import T0, Partition, encode, store, with_sink
from tests.system.store import query

SINCE = datetime(1, 1, 1, tzinfo=UTC)
LONG = "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))  # longer than an index entry


@pytest.fixture
def configured(bootstrap_servers: str, database_url: str) -> Settings:
    return Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database(url=database_url))


def trade(number: int, **values: Any) -> Trade:
    event = Trade(
        "BTC-USD", "BTCUSD", T0 + number, Decimal(100), Decimal(1), "buy", f"{number}", number, "binance", T0, Origin(1, 0, number)
    )
    return msgspec.structs.replace(event, **values)


def event(number: int, **values: Any) -> ServiceEvent:
    found = ServiceEvent(f"e{number}", "s", "request", T0, "2026", received_at=T0, origin=Origin(1, 0, number))
    return msgspec.structs.replace(found, **values)


def tally(topic: str, source: str, count: int) -> Tally:
    return Tally(topic, 0, 1, 0, count, [Count(source, "", floor(T0, HOUR), count, 0, 0)])


async def halved(sink: PostgresSink, *parts: Partition) -> None:
    """Everything there is, as the runner stores it after a refusal."""
    await sink.positions({part.place: (0, len(part.records)) for part in parts})
    assert await Halving(sink, 1000).store({part.place: part.records for part in parts}, lambda: True)


async def faults(url: str) -> list[Any]:
    connection = await connect(url, "public")
    try:
        async with proofs.snapshot(connection):
            return [fault for proof in proofs.PROOFS for fault in await proofs.faults(connection, proof, SINCE, 60)]
    finally:
        await connection.close()


def letters(url: str) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in query(url, "SELECT origin, reason FROM dead_letters")}


def test_a_refused_fact_becomes_one_dead_letter_and_all_others_are_stored(configured: Settings, database_url: str) -> None:
    bad: dict[int, dict[str, Any]] = {3: {"price": Decimal("NaN")}, 7: {"trade_id": LONG}, 11: {"size": Decimal("1E+200000")}}
    ticks = Partition(TICKS.name, 0).add(*(trade(n, **bad.get(n, {})) for n in range(20)), tally("market.raw.v1", "binance", 20))
    events = Partition(OPS_EVENTS.name, 0).add(*(event(n, event_id=LONG if n == 2 else f"e{n}") for n in range(5)))
    events.add(tally("ops.raw.v1", "s", 5))
    fills = Partition(TRADING_EVENTS.name, 0)
    fills.add(Nbbo("A", Decimal(1), Decimal(2), T0, T0, Origin(1, 0, 0)), Nbbo("A", Decimal("sNaN"), Decimal(2), T0, T0, Origin(1, 0, 1)))
    fills.add(Order(LONG, "A", "buy", Decimal(5), None, T0, received_at=T0, origin=Origin(1, 0, 2)))
    fills.add(Execution("x", "o", "A", "buy", Decimal(5), Decimal("Infinity"), T0, received_at=T0, origin=Origin(1, 0, 3)))
    fills.add(Order("o", "A", "buy", Decimal(5), None, T0, received_at=T0, origin=Origin(1, 0, 4)))
    counts = [
        Count("nbbo", "", floor(T0, HOUR), 2, 0, 0),
        Count("orders", "", floor(T0, HOUR), 2, 0, 0),
        Count("trades", "", floor(T0, HOUR), 1, 0, 0),
    ]
    fills.add(Tally("trading.raw.v1", 0, 1, 0, 5, counts))
    with_sink(configured, lambda sink: halved(sink, ticks, events, fills))
    market = {(f"market.raw.v1/1/0/{n}/0", "unstorable") for n in bad}
    trading = {(f"trading.raw.v1/1/0/{n}/0", "unstorable") for n in (1, 2, 3)}
    assert letters(database_url) == market | trading | {("ops.raw.v1/1/0/2/0", "unstorable")}
    stored = query(database_url, "SELECT source, sum(stored), sum(rejected) FROM ledger GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in stored] == [("binance", 17, 3), ("nbbo", 1, 1), ("orders", 1, 1), ("s", 4, 1), ("trades", 0, 1)]
    assert query(database_url, "SELECT count(*) FROM offsets WHERE next_offset > 0")[0][0] == 3
    assert asyncio.run(faults(database_url)) == []


def test_a_refused_fact_that_is_published_again_is_not_counted_again(configured: Settings, database_url: str) -> None:
    ticks = Partition(TICKS.name, 0).add(trade(0), trade(1, trade_id=LONG), tally("market.raw.v1", "binance", 2))

    async def work(sink: PostgresSink) -> None:
        await halved(sink, ticks)
        ticks.add(trade(0), trade(1, trade_id=LONG))
        await sink.positions({ticks.place: (0, len(ticks.records))})
        await store(sink, ticks.since(3))  # a repeat, which the store is not asked about

    with_sink(configured, work)
    assert [tuple(row) for row in query(database_url, "SELECT stored, rejected FROM ledger")] == [(1, 1)]
    assert asyncio.run(faults(database_url)) == []


def test_a_record_with_a_nul_is_stored_without_it(configured: Settings, database_url: str) -> None:
    given = event(0, timestamp="2026-11-30\x0000:00:00Z", event_type="a\\u0000b", user_id="\\\x00")
    events = Partition(OPS_EVENTS.name, 0).add(given, event(1), tally("ops.raw.v1", "s", 2))
    with_sink(configured, lambda sink: halved(sink, events))
    rows = query(database_url, "SELECT timestamp, event_type, user_id FROM service_events ORDER BY event_id")
    assert tuple(rows[0]) == ("2026-11-30\ufffd00:00:00Z", "a\\u0000b", "\\\ufffd")
    assert len(rows) == 2
    assert letters(database_url) == set()
    assert asyncio.run(faults(database_url)) == []


async def settled(configured: Settings, wanted: Mapping[str, int]) -> None:
    """Until the store is at those positions, by topic."""
    connection = await asyncpg.connect(configured.database.url.get_secret_value())
    try:
        async with asyncio.timeout(40):
            while True:
                rows = await connection.fetch("SELECT topic, next_offset FROM offsets WHERE next_offset > 0")
                if {row[0]: row[1] for row in rows} == wanted and not await connection.fetchval("SELECT count(*) FROM outbox"):
                    return
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def test_the_running_writer_goes_on_and_publishes_the_letter(kafka_settings: Kafka, database_url: str) -> None:
    settings = Settings(kafka=kafka_settings, database=Database(url=database_url))
    values = [encode(trade(n, trade_id=LONG if n == 5 else f"{n}")) for n in range(50)]
    values[7:7] = [b"\xff{", b""]
    async with Producer(kafka_settings, client_id="test") as producer:
        for value in [*values, encode(tally("market.raw.v1", "binance", 50))]:
            producer.add(TICKS, 0, b"k\x00\xff", value, [("origin", b"\xff\x00"), ("own", b"\x00")])
        await producer.flush()
    stop, health = asyncio.Event(), Health()
    runner = Runner(kafka_settings, PostgresSink(settings), health, group="postgres", batch_records=1000)
    tasks = [asyncio.create_task(runner.run(stop)), asyncio.create_task(Relay(settings, health).run(stop))]
    await settled(settings, {TICKS.name: 53, DEAD_LETTERS.name: 3})
    stop.set()
    await asyncio.gather(*tasks)
    found = {letter.origin: letter for record in await runs.dead_letters(kafka_settings) if (letter := dead_letters.read(record))}
    place = f"{TICKS.name}/0"
    assert {origin: letter.reason for origin, letter in found.items()} == {
        "market.raw.v1/1/0/5/0": "unstorable", f"{place}/7": "malformed", f"{place}/8": "malformed",
    }  # fmt: skip
    assert found["market.raw.v1/1/0/5/0"].record.value == values[5]
    assert (found[f"{place}/7"].record.key, found[f"{place}/7"].record.value) == (b"k\x00\xff", b"\xff{")
    assert ("own", b"\x00") in found[f"{place}/7"].record.headers
    assert all(letter.rows is None for letter in found.values() if letter.reason == "unstorable")
    assert await faults(database_url) == []
