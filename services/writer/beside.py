"""Work on the store that runs beside the writer in every replica, one piece after the other, in a session of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from services.writer.sinks.postgres.connection import FILES_SECONDS, Connection, connect, quiet
from services.writer.sinks.postgres.pieces import Failed, set_aside
from shared import tasks
from shared.backoff import delay
from shared.errors import Unavailable
from shared.settings import Database
from shared.telemetry.logs import log
from shared.telemetry.probes import Health

IDLE_SECONDS = 0.25
LEAVE_SECONDS = 5.0
One = Callable[[Connection], Awaitable[bool]]  # does a piece of work; says whether there was one


async def keep(database: Database, health: Health, loop: str, what: str, one: One, stop: asyncio.Event) -> None:
    """Does `one` until `stop`, as the `loop` of that name in the health; waits out what is unavailable, told as `what`.

    A piece that fails for another reason is set aside, and the next is taken.
    A piece that is not done soon after `stop` is given up: it is there for whoever comes next.
    """
    work = tasks.start(_work(database, health, loop, what, one, stop))
    leaving = tasks.start(stop.wait())
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await asyncio.wait({work}, timeout=LEAVE_SECONDS)
        for ended in done:
            ended.result()
    finally:
        leaving.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait({work})


async def _work(database: Database, health: Health, loop: str, what: str, one: One, stop: asyncio.Event) -> None:
    attempt = 0
    while not stop.is_set():
        try:
            await _session(database, health, loop, one, stop)
            attempt = 0
        except (Unavailable, OSError) as fault:
            log().warning(f"{what} wait", reason=str(fault))
            health.retrying(loop, str(fault))
            await asyncio.sleep(delay(attempt))
            attempt += 1


async def _session(database: Database, health: Health, loop: str, one: One, stop: asyncio.Event) -> None:
    connection = await connect(database.url.get_secret_value(), database.schema_name, idle_seconds=FILES_SECONDS)
    try:
        while not stop.is_set():
            health.beat(loop)
            with quiet():
                wrote = await _one(connection, loop, one)
            health.working(loop)
            if not wrote:
                await asyncio.sleep(IDLE_SECONDS)
    finally:
        connection.terminate()


async def _one(connection: Connection, loop: str, one: One) -> bool:
    """One piece, done or set aside with its reason."""
    try:
        return await one(connection)
    except Failed as fault:
        log().error("a piece of work is set aside", loop=loop, piece=fault.piece, reason=fault.reason)
        await set_aside(connection, loop, fault.piece, fault.reason)
        return True


def named(run: str) -> str:
    """The run's id as a part of a path; raises `ValueError` for one that leads elsewhere."""
    if "/" in run or run in ("", ".", ".."):
        raise ValueError(f"{run[:80]!r} is no name of a file")
    return run
