"""`make soak MINUTES=20`: a stack of its own, the simulated exchange at 50 trades a second and symbol, hostile input every second.

Prints how old the newest trade of each stream is when GET /latest returns it, and the memory of each process. Exits with 1 if
the age's p99 reached 2 s in a window, memory grew, a process was restarted or `verify` found a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import httpx
import psutil

from shared.settings import Kafka
from shared.time import from_iso
from tests.fixtures.stacks import Stack
from tests.hostile import files
from tests.system.attack import Attack, web

RATE = 50  # trades a second of each symbol
WINDOW_SECONDS = 10.0
WARM_SECONDS = 120.0  # every hostile file has come twice, and the caches are full, before memory is taken as flat
LIMIT_SECONDS = 2.0
DRAIN_SECONDS = 120.0  # of what is under way when the markets stop
GROWTH, GROWTH_SHARE = 64 * 2**20, 0.25
_HEARTBEATS = re.compile(r"note +under way: \d{1,2} records ")  # of connected sources, in the seconds before
FAULTS = {
    "seed": 1,
    "faults": [
        {"kind": "malformed", "probability": 0.02},
        {"kind": "duplicate", "probability": 0.02},
        {"kind": "garbage", "after": 5, "every": 20, "seconds": 5},
    ],
}


@dataclass(slots=True)
class Measured:
    """What a soak has shown so far."""

    ages: list[float] = field(default_factory=list)  # of the open window, seconds
    windows: list[tuple[float, float, float]] = field(default_factory=list)  # p50, p99, most
    unanswered: int = 0

    def close(self) -> tuple[float, float, float]:
        """Ends the window; without an answer it is as bad as it can be."""
        taken, self.ages = self.ages, []
        cuts = quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else [float("inf")] * 99
        self.windows.append((cuts[49], cuts[98], max(taken, default=float("inf"))))
        return self.windows[-1]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tickplant-soak-") as folder, web() as addresses, running(Path(folder)) as stack:
        base = f"http://127.0.0.1:{stack.ports['API_PORT']}"
        attack = Attack(base, Kafka(bootstrap_servers=f"127.0.0.1:{stack.ports['TICKPLANT_KAFKA_PORT']}"), given.seed)
        rounds = assaults(attack, files.write(Path(folder) / "files", Random(given.seed)), addresses)
        with repeated(lambda: next(rounds)):
            wrong = judged(stack, base, given.minutes * 60, attack)
        wrong += proved(stack)
        print("\n".join(f"FAILED: {what}" for what in wrong) or "passed")
        return 1 if wrong else 0


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """A stack with its simulator, faults set."""
    stack = Stack(folder / "home")
    stack.environment |= {
        "SIMULATOR__RATE": str(RATE),
        "API__INGEST_WAIT_SECONDS": "0",
        "FETCHER__ALLOWED_HOSTS": '["127.0.0.1", "localhost"]',
        "FETCHER__ALLOW_PRIVATE_ADDRESSES": "true",
    }
    try:
        started = stack.run("up", "--detach")
        if started.returncode:
            raise SystemExit(started.stdout + started.stderr)
        httpx.post(f"http://127.0.0.1:{stack.ports['SIMULATOR__PORT']}/_control/faults", json=FAULTS, timeout=10).raise_for_status()
        yield stack
    finally:
        stack.run("down")


def assaults(attack: Attack, paths: Sequence[Path], addresses: Sequence[str]) -> Iterator[None]:
    """One second's hostile input at a time, for ever; files and addresses in turn."""
    number, endpoints = 0, attack.endpoints()
    while True:
        path = paths[number % len(paths)]
        attack.publish(attack.asked([path]) + attack.raw(4) + attack.derived(2))
        for endpoint in endpoints:
            attack.post(endpoint, 3)
        attack.address(number, addresses)
        number += 1
        yield


@contextlib.contextmanager
def repeated(act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` every second in a thread; what it raises ends the soak."""
    stop, faults = threading.Event(), list[BaseException]()

    def loop() -> None:
        try:
            while not stop.wait(1.0):
                act()
        except BaseException as fault:  # noqa: BLE001 raised again below
            faults.append(fault)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if faults:
        raise faults[0]


def judged(stack: Stack, base: str, seconds: float, attack: Attack) -> list[str]:
    """Watches the stack for so long; what is wrong."""
    measured, before, first = Measured(), dict[str, int](), pids(stack)
    began = window = time.monotonic()
    with httpx.Client(base_url=base, timeout=10) as client:
        while (now := time.monotonic()) - began < seconds:
            sample(client, measured)
            if not before and now - began >= min(WARM_SECONDS, seconds / 3):
                before = memory(first)
            if now - window >= WINDOW_SECONDS:
                window = now
                show(now - began, measured, memory(first))
            time.sleep(max(0.0, 0.2 - (time.monotonic() - now)))
    after, wrong = memory(first), list[str]()
    if late := [window for window in measured.windows if window[1] >= LIMIT_SECONDS]:
        wrong.append(f"{len(late)} of {len(measured.windows)} windows have a p99 of {LIMIT_SECONDS:g} s or more")
    if (last := pids(stack)) != first:
        wrong.append(f"restarted: {', '.join(name for name in first if last.get(name) != first[name])}")
    for name, size in sorted(after.items()):
        grown = size - before.get(name, size)
        print(f"{name:<12} {before.get(name, 0) / 2**20:8.0f} MiB -> {size / 2**20:8.0f} MiB")
        if grown > GROWTH and grown > GROWTH_SHARE * before[name]:
            wrong.append(f"{name} grew by {grown / 2**20:.0f} MiB")
    print(f"answers by status {dict(sorted(attack.answers.items()))}; {measured.unanswered} GET /latest without an answer")
    if fivehundreds := {status: count for status, count in attack.answers.items() if status >= 500}:
        wrong.append(f"answers of the api's own faults: {fivehundreds}")
    return wrong


def proved(stack: Stack) -> list[str]:
    """Stops the markets and verifies until no more than the sources' heartbeats are under way; what is wrong."""
    httpx.post(f"http://127.0.0.1:{stack.ports['SIMULATOR__PORT']}/_control/stop", timeout=10).raise_for_status()
    deadline = time.monotonic() + DRAIN_SECONDS
    while True:
        verified = stack.run("verify")
        notes = [line for line in verified.stdout.splitlines() if line.startswith("note") and not _HEARTBEATS.match(line)]
        if not notes or time.monotonic() > deadline:
            print(verified.stdout.strip())
            return ["verify found a fault"] * bool(verified.returncode) + notes
        time.sleep(5)


def sample(client: httpx.Client, measured: Measured) -> None:
    """Adds how old the newest trade of each simulated stream is."""
    try:
        rows: list[Mapping[str, Any]] = client.get("/latest", params={"kind": "trade", "limit": 1000}).json()["results"]
    except (httpx.HTTPError, ValueError, KeyError):
        measured.unanswered += 1
        return
    now = time.time()
    live = [row for row in rows if str(row["source"]).endswith("-sim")]
    measured.ages += [now - from_iso(str(row["event_time"])) / 1e6 for row in live]


def show(elapsed: float, measured: Measured, sizes: Mapping[str, int]) -> None:
    """One line a window."""
    p50, p99, most = measured.close()
    told = "  ".join(f"{name} {size / 2**20:.0f}" for name, size in sorted(sizes.items()))
    print(f"{elapsed:6.0f} s  p50 {p50:6.3f}  p99 {p99:6.3f}  max {most:6.3f} s  MiB: {told}", flush=True)


def pids(stack: Stack) -> dict[str, int]:
    """The process of each service."""
    return {entry.name: entry.pid for entry in stack.state.entries if entry.kind == "service" and entry.pid is not None}


def memory(processes: Mapping[str, int]) -> dict[str, int]:
    """The resident memory of each process that still runs."""
    found = {}
    for name, pid in processes.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            found[name] = psutil.Process(pid).memory_info().rss
    return found


if __name__ == "__main__":
    sys.exit(main())
