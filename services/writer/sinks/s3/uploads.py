"""Stores one object: its hour is written down with the position, then it is created, then the position moves behind it.

An object of that name that is there already, a retry's or a former owner's, is adopted whatever it holds: the chain goes on at its end.
One that a former owner stored without moving the position is adopted too: a partition may get no more records that would move it.
The hour is settled before, so that a later owner looks for the object where this one puts it, even if the log has lost its first record.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from shared.archive.layout import Place, Span, span
from shared.archive.store import Missing, Store
from shared.backoff import delay
from shared.errors import Unavailable
from shared.telemetry import metrics
from shared.telemetry.logs import log

Move = Callable[[int, str], Awaitable[None]]  # offset, hour; raises `Stale` or `Unavailable`
Step = Callable[[], Awaitable[int]]


async def upload(store: Store, place: Place, hour: str, body: bytes, made: Span, move: Move) -> int:
    """Where the chain goes on, once the object is stored and the position moved; waits out what is unavailable, raises `Stale`."""

    async def step() -> int:
        await move(made.first, hour)
        end = await _stored(store, place, hour, body, made)
        await move(end, "")
        return end

    started = monotonic()
    end = await _waited_out(place.key(hour, made.first), step)
    metrics.UPLOAD_SECONDS.observe(monotonic() - started)
    return end


async def adopt(place: Place, end: int, move: Move) -> int:
    """The end of the chain as a former owner stored it, once the position is there too; waits out what is unavailable, raises `Stale`."""

    async def step() -> int:
        await move(end, "")
        return end

    metrics.ADOPTED.inc()
    return await _waited_out(f"{place.folder} {place.partition}, stored up to {end}", step)


async def _waited_out(what: str, step: Step) -> int:
    attempt = 0
    while True:
        try:
            return await step()
        except Unavailable as fault:
            log().warning("an object waits", key=what, reason=str(fault), attempt=attempt)
            metrics.RETRIES.labels("archive").inc()
            await asyncio.sleep(delay(attempt))
            attempt += 1


async def _stored(store: Store, place: Place, hour: str, body: bytes, made: Span) -> int:
    key = place.key(hour, made.first)
    if await store.create(key, body, made.metadata()):
        metrics.ARCHIVED_BYTES.inc(len(body))
        return made.end
    found = await known(store, key)
    if found is None:
        raise Unavailable(f"S3: {key} was there and is gone")
    if found != made:
        log().info("an object was there already", key=key, end=found.end)
    metrics.ADOPTED.inc()
    return found.end


async def known(store: Store, key: str) -> Span | None:
    """What the object of that name holds; None where there is none. What is no object of the archive is `Unavailable`."""
    try:
        _, metadata = await store.head(key)
    except Missing:
        return None
    found = span(metadata)
    if found is None or found.end <= found.first:
        raise Unavailable(f"S3: {key} has no metadata of the archive: move it away")
    return found
