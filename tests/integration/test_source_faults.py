"""Live sources against hostile venues: whatever one of them does is on record, and the others go on.

Invariant: each case has a good source or symbol, which is received throughout.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve

from services.fetcher.live.sources import Sources
from services.fetcher.publish import Publisher
from shared.events import Hole, SourceState
from shared.records import control_kind
from shared.settings import Fetcher, Kafka, Settings, Source, Telemetry
from shared.telemetry.probes import Health
from shared.topics import MARKET_RAW, SOURCES
from tests.fixtures import runs
from tests.fixtures.simulator import Rig, rig

PATIENCE = 40.0


def source(name: str, provider: str, symbols: list[str], **given: Any) -> Source:
    return Source.model_validate({"name": name, "provider": provider, "symbols": symbols, **given})


@asynccontextmanager
async def keeping(kafka: Kafka, *sources: Source) -> AsyncIterator[tuple[Sources, Health]]:
    """The sources in this process."""
    settings = Settings(kafka=kafka, fetcher=Fetcher(sources=sources), telemetry=Telemetry(report_requests=False))
    health, stop = Health(), asyncio.Event()
    found = Sources(settings, health)
    task = asyncio.create_task(found.run(stop))
    try:
        yield found, health
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)


async def until(reached: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.05)


def listed(sources: Sources, name: str) -> dict[str, Any]:
    return next((one for one in sources.listed() if one["name"] == name), {})


async def states(kafka: Kafka, name: str) -> list[SourceState]:
    found = [record for record in await runs.records(kafka, SOURCES) if record.key == name.encode() and record.value]
    return [msgspec.json.decode(record.value or b"", type=SourceState) for record in found]


async def frames(kafka: Kafka, key: str) -> int:
    found = await runs.records(kafka, MARKET_RAW)
    return sum(record.key == key.encode() and control_kind(record.headers) is None for record in found)


def stream(r: Rig) -> dict[str, Any]:
    return {"base_url": f"{r.simulator.ws}/binance", "rest_url": f"{r.simulator.http}/binance", "channels": ["trade"]}


async def test_a_source_whose_address_is_none_is_failed_and_the_others_go_on(kafka_settings: Kafka) -> None:
    async with rig(rate=20) as r:
        bad = [
            source("binance-bad", "binance", ["BTC-USDT"], channels=["trade"], base_url="ws://["),
            source("coingecko-bad", "coingecko", ["BTC-USD"], base_url="http://0177.0.0.1", interval_seconds=1),
            source("kraken-bad", "kraken", ["BTC-USD"], channels=["trade"], base_url="ws://x", rest_url="http://["),
        ]
        good = source("binance-good", "binance", ["BTC-USDT"], **stream(r))
        async with keeping(kafka_settings, *bad, good) as (sources, health):
            await until(lambda: listed(sources, "binance-good").get("received", 0) > 20, sources.listed)
            await until(lambda: "source binance-bad" in health.retries(), health.retries)
            for name in ("binance-bad", "coingecko-bad"):
                await until(lambda name=name: listed(sources, name).get("state") == "failed", sources.listed)  # type: ignore[misc]
            assert "Invalid IPv6 URL" in listed(sources, "binance-bad")["reason"]
            received = listed(sources, "binance-good")["received"]
            await until(lambda: listed(sources, "binance-good")["received"] > received + 20, sources.listed)
            faults = await health.faults()
            assert "Invalid IPv6 URL" in faults["source binance-bad loop"]
            assert "source binance-good loop" not in faults
            assert listed(sources, "kraken-bad")["state"] == "disconnected"
        assert any(state.state == "failed" and "Invalid IPv6 URL" in state.reason for state in await states(kafka_settings, "binance-bad"))


async def test_a_close_reason_with_nul_is_stored_clean(kafka_settings: Kafka) -> None:
    async def refuse(socket: ServerConnection) -> None:
        await socket.close(1008, "bad\x00key")

    async with serve(refuse, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        bad = source("binance-bad", "binance", ["BTC-USDT"], channels=["trade"], base_url=f"ws://127.0.0.1:{port}")
        async with keeping(kafka_settings, bad) as (sources, _):
            await until(lambda: "bad" in listed(sources, "binance-bad").get("reason", ""), sources.listed)
            await asyncio.sleep(1.2)
    found = await states(kafka_settings, "binance-bad")
    assert any("bad\ufffdkey" in state.reason for state in found)


async def test_a_symbol_that_the_venue_refuses_is_named_and_the_holes_of_the_others_are_repaired(kafka_settings: Kafka) -> None:
    """AAA comes before BTC in every order, so that it would hold it up."""
    async with rig(rate=0) as r:
        both = source("binance-sim", "binance", ["AAA-USDT", "BTC-USDT"], **stream(r))
        async with keeping(kafka_settings, both) as (sources, health):
            await until(lambda: listed(sources, "binance-sim").get("connects", 0) > 0, sources.listed)
            await until(lambda: "AAA-USDT" in listed(sources, "binance-sim")["problems"], sources.listed)
            await r.burst(1)
            r.break_with(*gap())
            await r.burst(3)
            r.break_with()
            await r.burst(1)
            found = await ended(kafka_settings)
            assert (found.symbol, found.state, found.last - found.first) == ("BTC-USDT", "repaired", 2)
            assert "Invalid symbol." in listed(sources, "binance-sim")["problems"]["AAA-USDT"]
            assert listed(sources, "binance-sim")["problems"].keys() == {"AAA-USDT"}
            assert health.retries() == {}
    problems = [state.problems for state in await states(kafka_settings, "binance-sim")]
    assert any("status 400" in problem.get("AAA-USDT", "") for problem in problems)


def gap() -> list[Any]:
    from deploy.simulator.faults import Rule

    return [Rule("gap", venue="binance")]


async def ended(kafka: Kafka) -> Hole:
    """The first hole that has an end."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for record in await runs.records(kafka, SOURCES):
            if b'"type":"hole"' in (record.value or b""):
                hole = msgspec.json.decode(record.value or b"", type=Hole)
                if hole.state != "open":
                    return hole
        await asyncio.sleep(0.2)
    raise AssertionError("no hole has ended")


async def test_a_polled_source_asks_for_every_symbol_but_the_one_that_is_refused(kafka_settings: Kafka) -> None:
    async with rig(rate=0) as r:
        base = f"{r.simulator.http}/binance"
        polled = source("binance-polled", "binance", ["AAA-USDT", "BTC-USDT", "ETH-USDT"], base_url=base, interval_seconds=0.5)
        async with keeping(kafka_settings, polled) as (sources, _):
            await until(lambda: listed(sources, "binance-polled").get("received", 0) >= 4, sources.listed)
            one = listed(sources, "binance-polled")
            assert (one["state"], one["problems"].keys()) == ("connected", {"AAA-USDT"})
            assert "Invalid symbol." in one["problems"]["AAA-USDT"]
    bodies = b"".join(record.value or b"" for record in await runs.records(kafka_settings, MARKET_RAW))
    assert b"BTCUSDT" in bodies
    assert b"ETHUSDT" in bodies


async def test_a_followed_source_asks_for_every_symbol_but_the_one_that_is_refused(kafka_settings: Kafka) -> None:
    async with rig(rate=10) as r:
        base = f"{r.simulator.http}/binance"
        followed = source("binance-sim", "binance", ["AAA-USDT", "BTC-USDT"], channels=["history"], base_url=base, interval_seconds=0.5)
        async with keeping(kafka_settings, followed) as (sources, _):
            await until(lambda: listed(sources, "binance-sim").get("received", 0) >= 3, sources.listed)
            one = listed(sources, "binance-sim")
            assert (one["state"], one["problems"].keys()) == ("connected", {"AAA-USDT"})
    assert await frames(kafka_settings, "binance-sim|BTCUSDT") >= 3


async def test_a_trade_of_size_0_is_rejected_and_not_lost(kafka_settings: Kafka) -> None:
    """102 has size 0 in the stream and in the history: its id is known."""

    def trade(number: int) -> dict[str, Any]:
        return {"t": number, "p": "1", "q": "0" if number == 102 else "1", "T": 1_700_000_000_000 + number, "m": True}

    async def stream_(socket: ServerConnection) -> None:
        for number in (101, 102, 103):
            await socket.send(json.dumps({"e": "trade", "s": "BTCUSDT", **trade(number)}))
        await socket.wait_closed()

    async def history(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := (await reader.readline()).decode():
            while (await reader.readline()).strip():
                pass
            first = int(request.split("fromId=")[1].split("&")[0]) if "fromId=" in request else 101
            rows = [trade(number) for number in range(first, 104)][:1]
            body = json.dumps(
                [{"id": row["t"], "price": row["p"], "qty": row["q"], "time": row["T"], "isBuyerMaker": True} for row in rows]
            ).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()

    rest = await asyncio.start_server(history, "127.0.0.1", 0)
    async with serve(stream_, "127.0.0.1", 0) as server, rest:
        address = {
            "base_url": f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}",
            "rest_url": f"http://127.0.0.1:{rest.sockets[0].getsockname()[1]}",
        }
        async with keeping(kafka_settings, source("binance-sim", "binance", ["BTC-USDT"], channels=["trade"], **address)):
            hole = await ended(kafka_settings)
    assert (hole.first, hole.last, hole.state) == (102, 102, "repaired")


async def test_records_stamped_ahead_of_the_brokers_clock_are_stamped_anew(kafka_settings: Kafka) -> None:
    publisher = Publisher(kafka_settings, client_id="test", in_flight=100)
    now = time.time_ns() // 1_000_000
    await publisher.send(MARKET_RAW, 0, [(b"k", b"stamped by a clock that was ahead", [], now + 2 * 3_600_000)])
    await publisher.send(MARKET_RAW, 0, [(b"k", b"stamped since it is right", [], now)])
    await asyncio.wait_for(publisher.acknowledge(), PATIENCE)
    await publisher.close()
    found = [record for record in await runs.records(kafka_settings, MARKET_RAW) if record.partition == 0]
    values = [record.value for record in found]
    assert {b"stamped by a clock that was ahead", b"stamped since it is right"} <= set(values)
    assert all(record.timestamp < now + 60_000 for record in found)
