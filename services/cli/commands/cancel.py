"""`tickplant cancel`: end a queued or running run, on the record.

Invariant: the fetcher that owns the run ends it, so its markers follow its rows and the books close.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import runs, terminal

if TYPE_CHECKING:
    from shared.events import Run
    from shared.settings import Settings

PATIENCE_SECONDS = 20.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(cancel)


def cancel(
    run_id: Annotated[str, typer.Argument(help="The run, as `tickplant ingest` printed it.", show_default=False)],
    why: Annotated[str, typer.Option(help="The reason; it becomes part of the run's message.")] = "by the operator",
) -> None:
    """End a queued or running run; what it has published stays."""
    from shared import runs as rules
    from shared.errors import Unavailable

    found = runs.settings()
    try:
        run = asyncio.run(_newest(found, run_id))
        if run is None:
            raise terminal.fail(f"there is no run {run_id!r}")
        if refused := rules.uncancellable(run):
            raise terminal.fail(f"{run_id} cannot be cancelled: {refused}")
        ended = asyncio.run(_cancel(found, run_id, why))
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
    if ended is None:
        raise terminal.fail(
            f"{run_id} is to be cancelled, and no fetcher has ended it within {PATIENCE_SECONDS:g} s; the next one to start will"
        )
    terminal.say(f"{run_id}: {ended.status}, {ended.sent} rows published: {ended.message}")


async def _newest(found: Settings, run_id: str) -> Run | None:
    from shared import runs as rules
    from shared.bus import Log
    from shared.topics import RUNS

    async with Log(found.kafka) as log:
        record = await log.latest(RUNS, rules.home(run_id), run_id.encode())
    return rules.read(record.value) if record is not None else None


async def _cancel(found: Settings, run_id: str, why: str) -> Run | None:
    """The run once it has ended; None where that takes too long."""
    from shared import runs as rules
    from shared.bus import Producer
    from shared.topics import RUNS

    async with Producer(found.kafka, client_id="tickplant") as producer:
        producer.add(RUNS, *rules.cancellation(run_id, time.time_ns() // 1000, why))
        await producer.flush()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        run = await _newest(found, run_id)
        if run is not None and run.status in rules.FINAL:
            return run
        await asyncio.sleep(runs.POLL_SECONDS)
    return None
