"""The newest state of each live source, its gaps as they are told, and its holes as they stand."""

from collections.abc import Mapping, Sequence

import msgspec

from services.writer.batch import HoleKey
from services.writer.sinks.postgres.connection import Connection
from shared.events import Hole, SourceState
from shared.time import to_datetime

_UPSERT = """
INSERT INTO sources AS s (source, provider, epoch, state, at, received, acknowledged, connects, reason, begun_at, problems)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (source) DO UPDATE SET provider = excluded.provider, epoch = excluded.epoch, state = excluded.state, at = excluded.at,
    received = excluded.received, acknowledged = excluded.acknowledged, connects = excluded.connects, reason = excluded.reason,
    problems = excluded.problems,
    begun_at = coalesce(least(s.begun_at, excluded.begun_at), s.begun_at, excluded.begun_at)
WHERE excluded.epoch >= s.epoch
"""
_GAP = """
INSERT INTO source_gaps (source, start, "end", reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
# A hole that has ended does not open again: an older record may be read twice.
_HOLE = """
INSERT INTO holes AS h (source, symbol, kind, place, first_id, last_id, start, "end", state, reason, found_at, ended_at, requests, message)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (source, symbol, kind, place) DO UPDATE SET last_id = excluded.last_id, start = excluded.start, "end" = excluded."end",
    state = excluded.state, reason = excluded.reason, found_at = excluded.found_at, ended_at = excluded.ended_at,
    requests = excluded.requests, message = excluded.message
WHERE h.ended_at IS NULL
"""


async def update(connection: Connection, states: Sequence[SourceState]) -> None:
    """Keeps the last state of each source in the batch, and every gap."""
    newest = {state.source: state for state in states}
    for source, s in sorted(newest.items()):
        counts = (s.received, s.acknowledged, s.connects)
        await connection.execute(
            _UPSERT,
            source,
            s.provider,
            s.epoch,
            s.state,
            to_datetime(s.at),
            *counts,
            s.reason,
            to_datetime(s.begun_at) if s.begun_at else None,
            msgspec.json.encode(s.problems).decode(),
        )
    gaps = sorted((s.source, to_datetime(s.gap.start), to_datetime(s.gap.end), s.gap.reason) for s in states if s.gap)
    if gaps:
        await connection.executemany(_GAP, gaps)


async def keep(connection: Connection, holes: Mapping[HoleKey, Hole]) -> None:
    """The newest record of each hole."""
    rows = []
    for (source, symbol, kind, place), h in sorted(holes.items()):
        ids = (h.first or None, h.last or None)
        ended = to_datetime(h.ended_at) if h.ended_at else None
        times = (to_datetime(h.start), to_datetime(h.end))
        rows.append((source, symbol, kind, place, *ids, *times, h.state, h.reason, to_datetime(h.found_at), ended, h.requests, h.message))
    await connection.executemany(_HOLE, rows)
