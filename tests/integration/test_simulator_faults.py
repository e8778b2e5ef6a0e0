"""Faults on the simulator's wires: each does what it says, and the log tells it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage

from deploy.simulator.faults import Rule
from shared.errors import Rejected
from shared.events import Trade
from shared.providers import binance
from tests.fixtures.simulator import TRADES, drain, ids, nothing, receive, rig


@pytest.mark.parametrize("how", ["abort", "close"])
async def test_disconnects_end_every_connection_of_the_venue(how: str) -> None:
    request = {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["heartbeat"]}
    async with rig() as r, r.listen("coinbase", request) as other, r.listen(f"binance/{TRADES}") as socket:
        await receive(other, 2)
        r.break_with(Rule("disconnect", venue="binance", by="trades", after=10, how=how))
        await r.burst(25)
        received = ids(await drain(socket))
        code = socket.close_code
        await receive(other, 1)
        log, ends = await r.trades(), await r.log(kind="connection", venue="binance")
    assert code == (1006 if how == "abort" else 1001)
    sent = [row["id"] for row in log if row["frames"]]
    assert len(sent) == 10
    assert received == sent[: len(received)]
    assert how == "abort" or received == sent
    assert [(row["connection"], row["reason"]) for row in ends if row["event"] == "closed"] == [(2, "fault")]


async def test_connections_are_refused_for_a_while() -> None:
    async with rig() as r:
        r.break_with(Rule("refuse", venue="binance", seconds=0.3))
        with pytest.raises((InvalidMessage, ConnectionError)):
            await connect(f"{r.simulator.ws}/binance/{TRADES}", proxy=None)
        with pytest.raises(httpx.TransportError):
            await r.http.get("/binance/api/v3/ping")
        async with r.listen("kraken/v2"):
            await asyncio.sleep(0.35)
        async with r.listen(f"binance/{TRADES}"):
            assert (await r.http.get("/binance/api/v3/ping")).status_code == 200
        refused = await r.log(kind="fault", venue="binance")
    assert [row["event"] for row in refused] == ["refused"]


async def test_a_gap_leaves_trades_out_of_the_stream_and_not_out_of_the_log() -> None:
    async with rig() as r, r.listen(f"binance/{TRADES}") as socket:
        await r.burst(5)
        r.break_with(Rule("gap", symbol="BTCUSDT", count=3))
        await r.burst(10)
        received = ids(await receive(socket, 12))
        log = await r.trades()
        history = await r.http.get("/binance/api/v3/historicalTrades", params={"symbol": "BTCUSDT", "limit": "15"})
    assert [row["frames"][0]["fate"] for row in log] == ["sent"] * 5 + ["dropped"] * 3 + ["sent"] * 7
    assert received == [row["id"] for row in log[:5] + log[8:]]
    assert [row["id"] for row in history.json()] == [row["id"] for row in log]


async def test_duplicates_come_twice() -> None:
    async with rig() as r, r.listen(f"binance/{TRADES}") as socket:
        r.break_with(Rule("duplicate", probability=0.3))
        await r.burst(100)
        log = await r.trades()
        fates = [row["frames"][0]["fate"] for row in log]
        received = ids(await receive(socket, 100 + fates.count("duplicated")))
        await nothing(socket)
    assert 10 < fates.count("duplicated") < 60
    assert received == [row["id"] for row, fate in zip(log, fates, strict=True) for _ in range(1 + (fate == "duplicated"))]


async def test_disorder_swaps_frames_and_loses_none() -> None:
    async with rig() as r, r.listen(f"binance/{TRADES}") as socket:
        r.break_with(Rule("disorder", probability=0.2, delay_ms=200))
        await r.burst(100)
        received = ids(await receive(socket, 100))
        log, released = await r.trades(), await r.log(kind="frame")
    held = [row["id"] for row in log if row["frames"][0]["fate"] == "held"]
    assert received != sorted(received) == [row["id"] for row in log]
    assert received[-len(held) :] == [row["id"] for row in released]
    assert sorted(row["id"] for row in released) == held


async def test_a_delay_keeps_the_order() -> None:
    async with rig() as r, r.listen(f"binance/{TRADES}") as socket:
        r.break_with(Rule("delay", delay_ms=150))
        began = asyncio.get_running_loop().time()
        await r.burst(20)
        received = ids(await receive(socket, 20))
        assert asyncio.get_running_loop().time() - began >= 0.15
        assert received == [row["id"] for row in await r.trades()]


@pytest.mark.parametrize("replace", [True, False])
async def test_malformed_frames_are_rejected_by_the_provider(replace: bool) -> None:
    async with rig() as r, r.listen(f"binance/{TRADES}") as socket:
        r.break_with(Rule("malformed", probability=0.3, replace=replace))
        await r.burst(100)
        log = await r.trades()
        bad = sum(row["frames"][0]["fate"] != "sent" for row in log)
        rejected, received = 0, []
        for frame in await receive(socket, 100 if replace else 100 + bad):
            try:
                received += [int(tick.trade_id) for tick in binance.parse(frame) if isinstance(tick, Trade)]
            except Rejected:
                rejected += 1
    assert rejected == bad > 10
    assert received == [row["id"] for row in log if not replace or row["frames"][0]["fate"] == "sent"]


async def test_silence_withholds_data_and_not_heartbeats() -> None:
    request = {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}}
    async with rig() as r, r.listen("kraken/v2", request) as socket:
        await receive(socket, 2)
        r.break_with(Rule("silence", venue="kraken"))
        await r.burst(50, "kraken")
        assert await receive(socket, 2) == [b'{"channel":"heartbeat"}'] * 2
        assert {row["frames"][0]["fate"] for row in await r.trades("kraken")} == {"silenced"}
        r.break_with(Rule("silence", venue="kraken", how="all"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await socket.recv()


async def test_frame_faults_repeat_with_their_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        async with rig() as r, r.listen(f"binance/{TRADES}") as socket:
            r.break_with(Rule("duplicate", probability=0.2), Rule("malformed", probability=0.2), seed=seed)
            await r.burst(60)
            sent = sum({"sent": 1, "duplicated": 2, "malformed": 2}[row["frames"][0]["fate"]] for row in await r.trades())
            found.append(await receive(socket, sent))
    # Times differ from run to run; what is broken, and how, does not.
    assert [len(frames) for frames in found[:1]] == [len(frames) for frames in found[1:2]]
    shapes = [[b'"t":' in frame for frame in frames] for frames in found]
    assert shapes[0] == shapes[1] != shapes[2]


async def test_a_budget_answers_429_with_the_seconds_to_wait() -> None:
    async with rig(limits={"binance": 10, "coingecko": 2}) as r:
        answers = [await r.http.get("/binance/api/v3/ticker/price", params={"symbol": "BTCUSDT"}) for _ in range(6)]
        coins = [await r.http.get("/coingecko/api/v3/ping") for _ in range(3)]
    statuses = [answer.status_code for answer in answers]
    # Six requests may lie on both sides of a minute's end.
    assert statuses[:1] == [200]
    assert statuses in ([200] * 5 + [429], [200] * 6)
    assert answers[0].headers["x-mbx-used-weight-1m"] == "2"
    if statuses[-1] == 429:
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["code"] == -1003
    assert [answer.status_code for answer in coins] in ([200, 200, 429], [200, 200, 200])


@pytest.mark.parametrize(
    ("rule", "status", "headers"),
    [
        (Rule("status", status=429, retry_after=7, by="requests", count=2), 429, {"retry-after": "7"}),
        (Rule("status", status=503, count=2), 503, {}),
    ],
)
async def test_bursts_of_errors_end_after_their_count(rule: Rule, status: int, headers: dict[str, str]) -> None:
    async with rig() as r:
        r.break_with(rule)
        answers = [await r.http.get("/coingecko/api/v3/ping") for _ in range(3)]
        log = await r.log(kind="request")
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert headers.items() <= dict(answers[0].headers).items()
    assert [(row["status"], row["fault"]) for row in log] == [(status, "status"), (status, "status"), (200, "")]


async def test_slow_and_garbage_answers() -> None:
    query = {"ids": "bitcoin", "vs_currencies": "usd"}
    async with rig() as r:
        r.break_with(Rule("slow", delay_ms=200, count=1), Rule("garbage", how="truncated", by="requests", after=1, count=1))
        slow, garbage, good = [await r.http.get("/coingecko/api/v3/simple/price", params=query) for _ in range(3)]
        log = await r.log(kind="request")
    assert slow.content == good.content
    assert good.content.startswith(garbage.content)
    assert 0 < len(garbage.content) < len(good.content)
    assert [row["fault"] for row in log] == ["slow", "garbage", ""]
    assert log[0]["latency_ms"] >= 200


async def test_a_secret_in_a_query_is_not_logged() -> None:
    async with rig() as r:
        await r.http.get("/coingecko/api/v3/ping", params={"x_cg_demo_api_key": "secret"})
        assert (await r.log(kind="request"))[0]["query"] == {"x_cg_demo_api_key": "***"}
