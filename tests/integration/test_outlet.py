"""Records that requests bring: acknowledged or refused in time, and never waited for where nobody asked to."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from deploy.local.ports import free_ports
from shared.bus import outlet as module
from shared.bus.outlet import Item, Outlet
from shared.bus.reporter import Reporter
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.telemetry.probes import Health
from shared.topics import OPS_RAW
from tests.fixtures import runs
from tests.fixtures.servers import Server


def item(number: int) -> Item:
    return OPS_RAW, number % 12, b"k", b"%d" % number


async def values(kafka: Kafka) -> list[int]:
    return sorted(int(record.value or b"") for record in await runs.records(kafka, OPS_RAW))


async def test_what_is_sent_is_in_the_log_when_send_returns(kafka_settings: Kafka) -> None:
    outlet = Outlet(kafka_settings, Health(), client_id="test")
    task = asyncio.create_task(outlet.run())
    await asyncio.gather(*(outlet.send([item(2 * n), item(2 * n + 1)]) for n in range(50)))
    assert await values(kafka_settings) == list(range(100))
    assert all(outlet.offer(item(n)) for n in range(100, 150))
    await outlet.close()
    task.cancel()
    assert await values(kafka_settings) == list(range(150))


async def test_without_kafka_offers_neither_wait_nor_grow_and_sends_are_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 1.0)
    outlet = Outlet(Kafka(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}"), Health(), client_id="test", most=10)
    task = asyncio.create_task(outlet.run())
    reporter, begun = Reporter(outlet), time.monotonic()
    for _ in range(1000):
        reporter.tell("tickplant-api", "get /x", 200, 0.001)
    assert time.monotonic() - begun < 0.5
    assert [outlet.offer(item(n)) for n in range(2)] == [False, False]
    with pytest.raises(Unavailable):
        await outlet.send([item(n) for n in range(10)])
    with pytest.raises(Unavailable, match="too many events wait"):
        await outlet.send([item(n) for n in range(11)])
    assert time.monotonic() - begun < 8
    task.cancel()


async def test_what_was_offered_while_kafka_was_away_is_in_the_log_afterwards(kafka_settings: Kafka, kafka: Server) -> None:
    outlet = Outlet(kafka_settings, Health(), client_id="test")
    task = asyncio.create_task(outlet.run())
    await outlet.send([item(0)])
    kafka.kill()
    assert all(outlet.offer(item(n)) for n in range(1, 20))
    await asyncio.sleep(1)
    kafka.start()
    for _ in range(300):
        if set(await values(kafka_settings)) == set(range(20)):
            break
        await asyncio.sleep(0.2)
    else:
        raise AssertionError(await values(kafka_settings))
    await outlet.close()
    task.cancel()


async def test_a_told_request_is_an_event_of_the_newest_version(kafka_settings: Kafka) -> None:
    outlet = Outlet(kafka_settings, Health(), client_id="test")
    task = asyncio.create_task(outlet.run())
    reporter = Reporter(outlet)
    reporter.tell("coingecko-sim", "request", 503, 0.0125)
    reporter.beat()
    await outlet.close()
    task.cancel()
    event, beat = await runs.records(kafka_settings, OPS_RAW)
    told = msgspec.json.decode(event.value or b"")
    assert {name: told[name] for name in ("service", "event_type", "duration_us", "status_code", "schema_version")} == {
        "service": "coingecko-sim",
        "event_type": "request",
        "duration_us": 12500,
        "status_code": 503,
        "schema_version": 2,
    }
    assert (event.key, event.headers, dict(beat.headers)["ce_type"]) == (b"coingecko-sim", (), b"tickplant.heartbeat")
