"""Runs as the operator asks for them: the request is published, and waited for at the api.

Invariant: a run goes on whether or not somebody waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from services.cli import terminal
from services.cli.environment import load_environment

if TYPE_CHECKING:
    import typer

    from shared.events import Run, RunKind
    from shared.runs import RowKind
    from shared.settings import Settings

START = "start the stack with: tickplant up"
POLL_SECONDS = 0.25
SILENT_SECONDS = 15.0


def settings() -> Settings:
    """The settings with which the running stack is found."""
    load_environment()
    from shared import settings as settings_module

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings_module.load()


def new(rows: RowKind, kind: RunKind, source: str, request: Any) -> Run:
    """A run that asks to be taken; `rows` says how its records are read."""
    import msgspec

    from shared.events import Run
    from shared.runs import new_id

    now = time.time_ns() // 1000
    builtins = msgspec.to_builtins(request)
    return Run(new_id(rows, now, secrets.token_hex(3)), kind, "requested", source, now, now, request=builtins)


def publish(found: Settings, requested: Sequence[Run]) -> None:
    """Writes the requests to pipeline.runs.v1 and prints their ids."""
    from shared.errors import Unavailable

    try:
        asyncio.run(_publish(found, requested))
    except Unavailable as fault:
        raise unreachable(found, fault) from None
    for run in requested:
        terminal.say(run.run_id)


async def _publish(found: Settings, requested: Sequence[Run]) -> None:
    from shared import runs
    from shared.bus import Producer
    from shared.topics import RUNS

    async with Producer(found.kafka, client_id="tickplant") as producer:
        for run in requested:
            producer.add(RUNS, *runs.record(run))
        await producer.flush()


def unreachable(found: Settings, fault: Exception) -> typer.Exit:
    """Says that Kafka does not answer, and what to do."""
    return terminal.fail(f"Kafka at {found.kafka.bootstrap_servers} does not answer; {START}\n  {fault}")


def wait(found: Settings, run_id: str) -> dict[str, Any] | None:
    """Shows the run's progress until it has ended, then its ledger in one line; the run if it finished."""
    from services.cli.progress import progress

    ended: dict[str, Any] = {}
    with progress(run_id) as show:
        for state in _states(found, run_id):
            show(state)
            ended = state
    terminal.say(summary(ended))
    if ended["status"] == "failed":
        terminal.fail(f"{run_id} failed: {ended['message']}")
        return None
    return ended


def summary(run: dict[str, Any]) -> str:
    """`prices-…: received 2001, stored 1998, duplicate 0, rejected 3 (bad_price 2, bad_row 1)`."""
    line = f"{run['run_id']}: received {run['received']}, stored {run['stored']}, duplicate {run['duplicate']}, rejected {run['rejected']}"
    reasons = run.get("rejected_by_reason") or {}
    return line + (f" ({', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))})" if reasons else "")


def host(found: Settings) -> str:
    """Where a client on this machine finds the api."""
    return "127.0.0.1" if found.api.host in ("0.0.0.0", "::", "") else found.api.host  # noqa: S104 compared, not bound


def _states(found: Settings, run_id: str) -> Any:
    """The run as the api knows it, again and again, the last time when it has ended."""
    import httpx

    url = f"http://{host(found)}:{found.api.port}/runs/{run_id}"
    answered = time.monotonic()
    with httpx.Client(timeout=10) as client:
        while True:
            try:
                response = client.get(url)
                known = response.status_code == httpx.codes.OK
                fault = f"{response.status_code} {response.text[:200]}"
            except httpx.TransportError as error:
                known, fault = False, str(error)
            if known:
                answered = time.monotonic()
                state = response.json()
                yield state
                if state["status"] in ("finished", "failed"):
                    return
            elif time.monotonic() - answered > SILENT_SECONDS:
                raise terminal.fail(f"{url} does not answer ({fault}); {START}. The run goes on: look again with GET /runs/{run_id}")
            time.sleep(POLL_SECONDS)
