"""The end of a run: the windows that it held open are closed and published, then the end itself is.

Invariant: a run's end is stored and published once, after the last of its windows. A transaction closes a bounded number of them; what
is left is listed in `run_ends`, and closed by the loop of `services.writer.endings`.
"""

from typing import NamedTuple

from services.writer.batch import Batch
from services.writer.sinks.postgres import candles, daily, operations, outbox, runs, trading
from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import without

SLICE = 5_000  # windows that are locked, read and published together
SLICES = 4  # of a transaction
_KEEP = "INSERT INTO run_ends (run, aborted, sent, message) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
_NEXT = f"""
SELECT run, aborted, sent, message FROM run_ends WHERE {without("endings", "run")} ORDER BY run LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_DONE = "DELETE FROM run_ends WHERE run = $1"


class End(NamedTuple):
    """A run whose markers are all stored; `sent` and `message` are its markers'."""

    run: str
    aborted: bool
    sent: int
    message: str


async def settle(connection: Connection, batch: Batch, touched: set[str]) -> None:
    """Keeps what a batch says of runs, and ends those whose markers are complete."""
    has_ended = await runs.lock(connection, touched)
    await runs.update(connection, batch.runs)
    await runs.mark(connection, batch.markers)
    told = {marker.run: (marker.sent, marker.message) for marker, _ in batch.markers}
    for run, aborted in sorted((await runs.complete(connection, touched)).items()):
        end = End(run, aborted, *told.get(run, (0, "")))
        if not has_ended[run] and not await finish(connection, end):
            await connection.execute(_KEEP, *end)
    await daily.settle(connection, touched)


async def finish(connection: Connection, end: End) -> bool:
    """Closes windows, and ends the run, whose row is locked, once none is left; returns whether it did."""
    for _ in range(SLICES):
        if not await _release(connection, end.run):
            break
    else:
        return False
    await trading.release(connection, end.run)
    if ended := await runs.finish(connection, end.run, aborted=end.aborted, sent=end.sent, message=end.message):
        await outbox.put(connection, [outbox.run(ended)])
    return True


async def wanted(connection: Connection) -> End | None:
    """A run that is to be ended, held for this transaction."""
    row = await connection.fetchrow(_NEXT)
    return End(*row) if row is not None else None


async def go_on(connection: Connection, end: End) -> bool:
    """Closes more windows of a run that is `wanted`; returns whether it has ended."""
    has_ended = await runs.lock(connection, [end.run])  # two that release the windows of a run would each miss the other's
    if not has_ended[end.run] and not await finish(connection, end):
        return False
    await daily.settle(connection, [end.run])
    await connection.execute(_DONE, end.run)
    return True


async def _release(connection: Connection, run: str) -> bool:
    """Closes a slice of the windows that only this run held open; returns whether there may be more."""
    released = await candles.release(connection, run, SLICE)
    if released:
        await candles.lock(connection, released)
        await candles.reclose(connection, released)
        await outbox.put(connection, [outbox.candle(found) for found in await candles.read(connection, released)])
    return max(await operations.release(connection, run, SLICE), len(released)) == SLICE
