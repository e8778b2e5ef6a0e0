"""The simulator's port: control, slow clients, probes, and the process that serves it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from deploy.local.ports import free_ports
from deploy.simulator.server import StartError, running
from deploy.simulator.settings import SimulatorSettings
from tests.fixtures.simulator import SECONDS, TRADES, ids, receive, rig


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    async with rig(buffer_bytes=1 << 16) as r:
        reader, writer = await asyncio.open_connection(r.simulator.host, r.simulator.port, limit=1024)
        head = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13"
        writer.write(f"GET /binance/{TRADES} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        assert b"101" in await reader.readline()
        await r.burst(60_000)
        closed = [row for row in await r.log(kind="connection") if row["event"] == "closed"]
        writer.close()
    assert [row["reason"] for row in closed] == ["slow"]


async def test_a_log_in_memory_says_whether_it_is_whole() -> None:
    async with rig(ring=100) as r:
        whole = await r.http.get("/_control/log")
        await r.burst(150)
        cut = await r.http.get("/_control/log")
        rest = await r.http.get("/_control/log", params={"since": int(cut.headers["x-log-lines"]) - 5})
    assert [answer.headers["x-log-complete"] for answer in (whole, cut, rest)] == ["true", "false", "true"]
    assert [len(answer.text.splitlines()) for answer in (cut, rest)] == [100, 6]


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
