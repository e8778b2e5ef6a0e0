"""What the owner of a source before this one left on record."""

import asyncio
import time

import msgspec

from services.fetcher.live.leases import home
from shared.bus import Log
from shared.events import SourceState
from shared.frames import FAULTS
from shared.records import Record, credible
from shared.telemetry.logs import log
from shared.topics import SOURCES

# A predecessor that was only asked to leave says so within this time of what it said last.
SETTLE_US = 3_000_000
_state = msgspec.json.Decoder(SourceState).decode


async def predecessor(reader: Log, source: str) -> SourceState | None:
    """Its last state; waits a while for it where the predecessor is alive."""
    patience = time.monotonic() + 2 * SETTLE_US / 1e6
    while True:
        record = await reader.latest(SOURCES, home(source), source.encode())
        left = _read(record) if record else None
        if left is None or record is None or left.state in ("closed", "left"):
            return left
        if time.time_ns() // 1000 - record.timestamp * 1000 > SETTLE_US or time.monotonic() > patience:
            return left
        await asyncio.sleep(SETTLE_US / 1e6 / 10)


def died(reason: str) -> str:
    """Why its successor misses what it does; `reason`: it had no connection when it died."""
    return f"the fetcher before this one died{f', without a connection: {reason}' if reason else ''}"[:200]


def _read(record: Record) -> SourceState | None:
    """The state of a record; None for one that holds none, or one that cannot be: its source begins anew."""
    value = record.value
    try:
        left = _state(value) if value else None
    except FAULTS as fault:
        log().error("source state not read", value=(value or b"")[:200], reason=str(fault))
        return None
    if left is not None and not credible(max(left.epoch, left.at), record):
        log().error("source state names a time that cannot be", value=(value or b"")[:200])
        return None
    return left
