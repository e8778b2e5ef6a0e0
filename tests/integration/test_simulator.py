"""The simulator over real sockets: every protocol parsed as the providers do, and a log that equals what was received."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

from shared.errors import Rejected
from shared.events import Quote, Tick, Trade
from shared.providers import binance, coinbase
from tests.fixtures.simulator import TRADES, ids, nothing, receive, rig


def told(row: dict[str, Any]) -> tuple[str, Decimal, Decimal, str, int]:
    """A trade as the log tells it."""
    return str(row["id"]), Decimal(row["price"]), Decimal(row["size"]), row["side"], row["at"]


def parsed(tick: Tick | Rejected) -> tuple[str, Decimal, Decimal, str | None, int]:
    assert isinstance(tick, Trade)
    return tick.trade_id, tick.price, tick.size, tick.side, tick.event_time


async def test_binance_sends_what_the_log_says_and_the_provider_parses_it() -> None:
    async with rig() as r, r.listen("binance/stream?streams=btcusdt@trade") as socket:
        await socket.send('{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":7}')
        assert await receive(socket, 1) == [b'{"result":null,"id":7}']
        await r.burst(300)
        ticks = [tick for frame in await receive(socket, 600) for tick in binance.parse(frame)]
        log = await r.trades()
    assert [parsed(tick) for tick in ticks if isinstance(tick, Trade)] == [told(row) for row in log]
    assert sum(isinstance(tick, Quote) for tick in ticks) == 300
    assert all(row["frames"] == [{"connection": 1, "channel": "stream/trade", "fate": "sent"}] for row in log)


async def test_coinbase_sends_what_the_log_says_and_the_provider_parses_it() -> None:
    request = {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches", "ticker"]}
    async with rig() as r, r.listen("coinbase", request) as socket:
        first = [json.loads(frame)["type"] for frame in await receive(socket, 3)]
        await r.burst(200, "coinbase")
        ticks = [tick for frame in await receive(socket, 400) for tick in coinbase.parse(frame)]
        log, shown = await r.trades("coinbase"), await r.log(kind="frame")
        opening = (await r.log(kind="trade", venue="coinbase", symbol="BTC-USD"))[0]
    assert first == ["subscriptions", "last_match", "ticker"]
    assert [parsed(tick) for tick in ticks if isinstance(tick, Trade)] == [told(row) for row in log]
    assert [(row["id"], row["fate"]) for row in shown] == [(opening["id"], "snapshot")]


async def test_kraken_sends_what_the_log_says() -> None:
    request = {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}}
    async with rig() as r, r.listen("kraken/v2", request) as socket:
        status, done = (json.loads(frame) for frame in await receive(socket, 2))
        await r.burst(200, "kraken")
        frames = [json.loads(frame, parse_float=Decimal) for frame in await receive(socket, 200)]
        log = await r.trades("kraken")
    assert (status["channel"], done["success"]) == ("status", True)
    items = [item for frame in frames if frame["channel"] == "trade" for item in frame["data"]]
    assert [(str(item["trade_id"]), item["price"], item["qty"], item["side"]) for item in items] == [told(row)[:4] for row in log]


async def test_heartbeats_come_each_second_where_the_venue_sends_them() -> None:
    requests = {
        "kraken/v2": {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}},
        "coinbase": {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["heartbeat"]},
    }
    async with rig() as r:
        for path, request in requests.items():
            async with r.listen(path, request) as socket:
                frames = [json.loads(frame) for frame in await receive(socket, 4)]
                assert [frame for frame in frames if "heartbeat" in (frame.get("channel"), frame.get("type"))][-2:] == frames[-2:]


async def test_a_client_hears_only_what_comes_after_it() -> None:
    async with rig() as r:
        await r.burst(5)
        async with r.listen(f"binance/{TRADES}") as socket:
            await r.burst(5)
            received = ids(await receive(socket, 5))
        await r.burst(5)
        log = await r.trades()
    assert [row["id"] for row in log if row["frames"]] == received == [row["id"] for row in log[5:10]]
    assert len(log) == 15


async def test_two_clients_hear_the_same_and_one_may_leave_a_stream() -> None:
    async with rig() as r, r.listen(f"binance/{TRADES}") as one, r.listen(f"binance/{TRADES}") as other:
        await r.burst(3)
        assert await receive(one, 3) == await receive(other, 3)
        await one.send('{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":1}')
        await receive(one, 1)
        await r.burst(2)
        await receive(other, 2)
        await nothing(one)
        last = (await r.trades())[-1]
    assert last["frames"] == [{"connection": 2, "channel": "trade", "fate": "sent"}]


async def test_the_same_seed_issues_the_same_trades_and_another_seed_others() -> None:
    found = []
    for seed in (1, 1, 2):
        async with rig(seed=seed, symbols=("BTC-USD",)) as r:
            await r.post("burst", count=400)
            rows = await r.log()
            found.append([(row["venue"], *told(row)[:4]) for row in rows if row["kind"] in ("trade", "price")])
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])


async def test_markets_trade_by_themselves_until_they_are_stopped() -> None:
    async with rig(rate=200, price_rate=50) as r:
        async with r.listen(f"binance/{TRADES}") as socket:
            await receive(socket, 20)
            stopped = {
                row["native"]: row["issued"] for row in (await r.post("stop", venue="binance"))["markets"] if row["venue"] == "binance"
            }
            await asyncio.sleep(0.2)
            stats = (await r.http.get("/_control/stats")).json()
            assert {row["native"]: row["issued"] for row in stats["markets"] if row["venue"] == "binance"} == stopped
            assert all(row["rate"] == 200 for row in stats["markets"] if row["venue"] == "kraken")
            await r.post("start", venue="binance")
            await receive(socket, 20)
        rows = await r.log(kind="trade")
    assert abs(rows[-1]["at"] - r.simulator.exchange.clock()) < 5_000_000


async def test_first_ids_of_the_clock_never_repeat() -> None:
    firsts = []
    for _ in range(2):
        async with rig(first_id="clock") as r:
            firsts.append((await r.log(kind="trade", venue="binance", symbol="BTC-USD"))[0]["id"])
            await asyncio.sleep(0.01)
    assert firsts[0] < firsts[1] < 2**53


async def test_coingecko_prices_equal_the_log_and_unchanged_ones_answer_304() -> None:
    query = {"ids": "bitcoin,ethereum", "vs_currencies": "usd", "include_last_updated_at": "true"}
    async with rig() as r:
        await r.burst(3, "coingecko")
        answer = await r.http.get("/coingecko/api/v3/simple/price", params=query)
        again = await r.http.get("/coingecko/api/v3/simple/price", params=query, headers={"If-None-Match": answer.headers["etag"]})
        await r.burst(1, "coingecko")
        changed = await r.http.get("/coingecko/api/v3/simple/price", params=query, headers={"If-None-Match": answer.headers["etag"]})
        prices, requests = await r.log(kind="price", symbol="bitcoin"), await r.log(kind="request")
    found = json.loads(answer.text, parse_float=Decimal)["bitcoin"]
    assert (found["usd"], found["last_updated_at"] * 1_000_000) == (Decimal(prices[-2]["price"]), prices[-2]["at"])
    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
    assert [(row["path"], row["status"], row["venue"]) for row in requests] == [
        ("/api/v3/simple/price", status, "coingecko") for status in (200, 304, 200)
    ]
