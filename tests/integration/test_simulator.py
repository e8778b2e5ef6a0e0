"""The simulator over real sockets: every protocol, every fault, and a log that equals what was received."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from deploy.local.ports import free_ports
from deploy.simulator.faults import Rule, Script
from deploy.simulator.server import Simulator, StartError, running
from deploy.simulator.settings import SimulatorSettings
from shared.errors import Rejected
from shared.events import Quote, Tick, Trade
from shared.providers import binance, coinbase

SECONDS = 10.0
TRADES = "ws/btcusdt@trade"
SIDES = {True: "buy", False: "sell"}


class Rig:
    """A simulator whose markets trade on request only, and a client for its REST side."""

    def __init__(self, simulator: Simulator, http: httpx.AsyncClient) -> None:
        self.simulator, self.http = simulator, http

    @asynccontextmanager
    async def listen(self, path: str, *messages: object) -> AsyncIterator[ClientConnection]:
        """A connection that has sent its subscriptions, and had them acknowledged."""
        async with connect(f"{self.simulator.ws}/{path}", proxy=None, close_timeout=1) as socket:
            for message in messages:
                await socket.send(json.dumps(message))
            await (await socket.ping())
            yield socket

    async def burst(self, count: int, venue: str = "binance", symbol: str = "BTC-USD") -> None:
        answer = await self.post("burst", venue=venue, symbol=symbol, count=count)
        assert answer["issued"] == count

    async def post(self, what: str, **query: Any) -> dict[str, Any]:
        response = await self.http.post(f"/_control/{what}", params=query)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def break_with(self, *rules: Rule, seed: int = 1) -> None:
        self.simulator.exchange.set_faults(Script(rules, seed))

    async def log(self, **query: str) -> list[dict[str, Any]]:
        response = await self.http.get("/_control/log", params=query)
        return [json.loads(line) for line in response.text.splitlines()]

    async def trades(self, venue: str = "binance", symbol: str = "BTC-USD") -> list[dict[str, Any]]:
        """The log's trades after the one that opens the market."""
        return (await self.log(kind="trade", venue=venue, symbol=symbol))[1:]


@asynccontextmanager
async def rig(**settings: Any) -> AsyncIterator[Rig]:
    wanted = {"port": 0, "rate": 0, "price_rate": 0, "symbols": ("BTC-USD", "ETH-USD"), **settings}
    async with (
        running(SimulatorSettings(**wanted)) as simulator,
        httpx.AsyncClient(base_url=simulator.http, trust_env=False, timeout=SECONDS) as http,
    ):
        yield Rig(simulator, http)


async def receive(socket: ClientConnection, count: int) -> list[bytes]:
    async with asyncio.timeout(SECONDS):
        return [await socket.recv(decode=False) for _ in range(count)]


async def drain(socket: ClientConnection) -> list[bytes]:
    """Everything until the connection ends."""
    found = []
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                found.append(await socket.recv(decode=False))
            except ConnectionClosed:
                return found


async def nothing(socket: ClientConnection) -> None:
    """All that was sent has been received: the answer to a ping comes after it."""
    await (await socket.ping())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await socket.recv()


def ids(frames: list[bytes]) -> list[int]:
    return [int(json.loads(frame)["t"]) for frame in frames]


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


# Faults, one by one.


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


# Requests.


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


# The port itself.


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    async with rig(ring=1000, buffer_bytes=1 << 16) as r:
        reader, writer = await asyncio.open_connection(r.simulator.host, r.simulator.port, limit=1024)
        head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13"
        writer.write(f"GET /binance/{TRADES} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        assert b"101" in await reader.readline()
        await r.burst(60_000)
        closed = [row for row in await r.log(kind="connection") if row["event"] == "closed"]
        log = await r.http.get("/_control/log", params={"kind": "trade", "venue": "binance"})
        writer.close()
    assert [row["reason"] for row in closed] == ["slow"]
    assert log.headers["x-log-complete"] == "false"


@pytest.mark.parametrize("ahead", ["true", "false"])
async def test_a_burst_goes_as_fast_as_its_readers_and_loses_nothing(ahead: str) -> None:
    async with rig() as r, r.listen(f"binance/{TRADES}") as socket, r.listen(f"binance/{TRADES}") as other:
        burst = asyncio.create_task(r.post("burst", venue="binance", symbol="BTC-USD", count=20_000, ahead=ahead))
        received, twin = await asyncio.gather(receive(socket, 20_000), receive(other, 20_000))
        answer = await burst
        await r.burst(1)
        (after,) = ids(await receive(socket, 1))
    numbers = ids(received)
    assert received == twin
    assert numbers == list(range(numbers[0], numbers[0] + 20_000))
    assert answer["last_ids"] == {"binance/BTC-USD": numbers[-1]}
    assert after == numbers[-1] + 1


async def test_what_a_client_leaves_unsent_is_told() -> None:
    async with rig() as r:
        async with r.listen(f"binance/{TRADES}"):
            r.simulator.exchange.hub.cork({"binance"})
            await r.burst(50)
        await (await r.http.get("/livez")).aread()
        ends = [row for row in await r.log(kind="connection") if row["event"] == "closed"]
    assert [(row["reason"], row["sent"], row["unsent"]) for row in ends] == [("client", 0, 50)]


async def test_the_script_is_set_read_and_emptied_over_http() -> None:
    toml = '[[faults]]\nkind = "gap"\ncount = 2\n'
    async with rig() as r:
        assert (await r.post("faults", preset="rough"))["faults"][0]["kind"] == "disconnect"
        response = await r.http.post("/_control/faults", content=toml, headers={"content-type": "application/toml"})
        assert response.json()["faults"] == [{"kind": "gap", "count": 2}]
        wrong = await r.http.post("/_control/faults", json={"faults": [{"kind": "explode"}]})
        assert (wrong.status_code, "explode" in wrong.text) == (400, True)
        assert (await r.http.get("/_control/faults")).json()["faults"] == [{"kind": "gap", "count": 2}]
        assert (await r.http.delete("/_control/faults")).json()["faults"] == []


@pytest.mark.parametrize(
    "call", ["faults?preset=x", "burst?count=0", "burst?count=1&venue=x", "rate?rate=x", "rate?rate=0", "stop?symbol=x"]
)
async def test_control_refuses_what_it_cannot_do(call: str) -> None:
    async with rig() as r:
        answer = await r.http.post(f"/_control/{call}")
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("path", ["nowhere", "binance/nowhere", "coingecko", "coinbase/nowhere"])
async def test_a_feed_that_is_not_there_is_not_found(path: str) -> None:
    async with rig() as r:
        with pytest.raises(InvalidStatus) as refusal:
            await connect(f"{r.simulator.ws}/{path}", proxy=None)
    assert refusal.value.response.status_code == 404


async def test_the_probes_answer() -> None:
    async with rig() as r:
        for path in ("/livez", "/readyz"):
            answer = await r.http.get(path)
            assert (answer.status_code, answer.json()["status"]) == (200, "ok")


async def test_a_taken_port_is_told_with_its_setting() -> None:
    async with rig() as r:
        with pytest.raises(StartError, match="SIMULATOR__PORT"):
            async with running(SimulatorSettings(port=r.simulator.port)):
                pass


async def test_a_script_that_is_not_there_is_told_with_its_setting(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('[[faults]]\nkind = "explode"\n')
    for given in (str(tmp_path / "none.toml"), str(broken)):
        with pytest.raises(StartError, match="SIMULATOR__FAULTS"):
            async with running(SimulatorSettings(port=0, faults=given)):
                pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_on_request_with_its_whole_log_in_the_file(number: signal.Signals, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    path = tmp_path / "log.jsonl"
    environment = {"SIMULATOR__PORT": str(port), "SIMULATOR__LOG": str(path), "SIMULATOR__RATE": "500", "SIMULATOR__RING": "10"}
    command = [sys.executable, "-m", "deploy.simulator"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=SECONDS) as http:
            assert http.get("/readyz").status_code == 200
            asked = http.get("/_control/log", params={"kind": "trade"})
        process.send_signal(number)
        assert process.wait(10) == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["n"] for line in lines] == list(range(1, len(lines) + 1))
    assert asked.headers["x-log-complete"] == "true"
    told_then = [json.loads(line)["n"] for line in asked.text.splitlines()]
    assert told_then == [line["n"] for line in lines if line["kind"] == "trade"][: len(told_then)]
    assert len(told_then) > 10
