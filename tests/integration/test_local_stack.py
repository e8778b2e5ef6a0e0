"""The stack as its operator meets it: up, status, a second up, crashes, down. Most need Postgres only, which starts in a second."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.local.postgres import Postgres
from deploy.local.state import Entry, State
from tests.fixtures.stacks import Stack

ONLY_POSTGRES = ("--only", "postgres")


@pytest.fixture
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="tickplant-") as home:
        stack = Stack(Path(home))
        yield stack
        stack.run("down")


def until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def entry(state: State, name: str) -> Entry:
    return next(entry for entry in state.entries if entry.name == name)


def living(state: State) -> list[str]:
    return [entry.name for entry in state.entries if entry.lives] + (["supervisor"] if state.lives else [])


def mentioning(home: Path) -> list[list[str]]:
    """The command lines of processes that name the home: whatever was started for it, recorded or not."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if any(str(home) in word for word in line)]


async def query(stack: Stack, statement: str) -> object:
    connection = await asyncpg.connect(stack.state.environment["DATABASE_URL"])
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def simulated_candles(stack: Stack) -> int:
    """How many candles of the simulated exchange the api gives."""
    with urllib.request.urlopen(
        f"http://127.0.0.1:{stack.ports['API_PORT']}/candles?symbol=BTC-USDT&source=binance-sim", timeout=5
    ) as answer:
        return len(json.loads(answer.read())["results"])


def test_everything_comes_up_restarts_what_dies_and_goes_down(stack: Stack) -> None:
    up = stack.run("up", "--detach")
    assert up.returncode == 0, up.stdout + up.stderr
    before = stack.state
    assert {name for name, line in stack.status().items() if line["ready"]} == {
        *("kafka", "postgres", "s3"),
        *("fetcher", "transformer", "quality", "writer", "archiver", "api", "simulator"),
    }
    assert until(lambda: simulated_candles(stack) > 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.ports['API_PORT']}/health", timeout=5) as answer:
        assert answer.read() == b'{"status":"ok"}'
    fetched = stack.run("fetch", "prices", "--assets", "bitcoin,ethereum", "--out", str(stack.home / "prices"))
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.count("coingecko-sim") == 2

    psutil.Process(entry(before, "api").pid).kill()
    assert until(lambda: stack.status()["api"]["restarts"] == 1 and bool(stack.status()["api"]["ready"]))

    after = stack.state
    assert stack.run("down").returncode == 0
    assert living(before) == living(after) == []
    assert mentioning(stack.home) == []


async def test_data_survive_a_restart_and_the_state_is_private(stack: Stack) -> None:
    stack.run("up", "--detach", *ONLY_POSTGRES)
    assert (stack.home / "stack.json").stat().st_mode & 0o077 == 0
    await query(stack, "CREATE TABLE kept AS SELECT 42 AS answer")
    stack.run("down")
    stack.run("up", "--detach", *ONLY_POSTGRES)
    assert await query(stack, "SELECT answer FROM kept") == 42


def test_a_second_up_says_what_runs_and_changes_nothing(stack: Stack) -> None:
    stack.run("up", "--detach", *ONLY_POSTGRES)
    before = stack.state
    second = stack.run("up", "--detach", *ONLY_POSTGRES)
    assert second.returncode == 0
    assert "running already" in second.stdout
    assert str(entry(before, "postgres").pid) in second.stdout
    assert living(before) == ["postgres", "supervisor"]


def test_ctrl_c_ends_everything(stack: Stack) -> None:
    process = stack.popen("up", *ONLY_POSTGRES)
    assert until(lambda: (stack.home / "stack.json").exists() and stack.state.ready)
    state = stack.state
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "postgres     | " in output
    assert living(state) == []


def test_a_killed_supervisor_takes_the_rest_along_and_up_works_again(stack: Stack) -> None:
    stack.run("up", "--detach", *ONLY_POSTGRES)
    state = stack.state
    psutil.Process(state.pid).kill()
    assert until(lambda: living(state) == [], seconds=10)
    assert stack.run("status").returncode == 3
    assert stack.run("up", "--detach", *ONLY_POSTGRES).returncode == 0


def test_down_ends_what_a_killed_supervisor_left(stack: Stack) -> None:
    stack.run("up", "--detach", *ONLY_POSTGRES)
    state = stack.state
    # Suspended, it hears neither the death of its parent nor a polite request.
    psutil.Process(entry(state, "postgres").pid).suspend()
    psutil.Process(state.pid).kill()
    assert until(lambda: living(state) == ["postgres"])
    stack.run("down")
    assert living(state) == []
    assert not (stack.home / "stack.json").exists()


def test_a_taken_port_is_named_with_its_setting_and_nothing_starts(stack: Stack) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.ports["TICKPLANT_POSTGRES_PORT"]))
        other.listen()
        up = stack.run("up", *ONLY_POSTGRES)
    assert up.returncode == 1
    assert f"port {stack.ports['TICKPLANT_POSTGRES_PORT']} (postgres) is taken: set TICKPLANT_POSTGRES_PORT" in up.stderr
    assert stack.run("status").returncode == 3


def test_another_server_on_the_port_is_never_taken_for_ours(stack: Stack) -> None:
    """The port is free when it is checked and taken when the part comes to it."""
    with tempfile.TemporaryDirectory(prefix="tickplant-") as home:
        other = Stack(Path(home))
        other.environment.update(stack.environment, TICKPLANT_HOME=home)
        assert other.run("up", "--detach", *ONLY_POSTGRES).returncode == 0
        ours = Postgres(stack.home / "postgres", stack.ports["TICKPLANT_POSTGRES_PORT"])
        assert "password authentication failed" in (ours.probe() or "")
        other.run("down")


def test_an_external_part_is_not_started(stack: Stack) -> None:
    stack.environment["DATABASE_URL"] = "postgresql://elsewhere.example/prices"
    up = stack.run("up", "--detach", *ONLY_POSTGRES)
    assert up.returncode == 0
    assert stack.status()["postgres"]["kind"] == "external"
    assert stack.state.entries == []
    assert stack.state.environment["DATABASE_URL"] == "postgresql://elsewhere.example/prices"


def test_a_service_that_cannot_start_is_reported_with_its_reason(stack: Stack) -> None:
    stack.environment["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{stack.ports['TICKPLANT_KAFKA_PORT']}"
    up = stack.run("up", "--detach", "--only", "postgres,api")
    assert up.returncode == 1
    assert "topics ended with exit code" in up.stdout
    assert stack.run("status").returncode == 3


def test_down_without_a_stack_is_no_error(stack: Stack) -> None:
    down = stack.run("down")
    assert (down.returncode, down.stdout) == (0, "nothing is running\n")


def test_faulty_settings_are_named_together(stack: Stack) -> None:
    stack.environment.update(API_PORT="eighty", TICKPLANT_S3_PORT="0")
    up: subprocess.CompletedProcess[str] = stack.run("up")
    assert up.returncode == 1
    assert [line.split(":")[0] for line in up.stderr.splitlines()] == ["TICKPLANT_S3_PORT", "API_PORT"]
