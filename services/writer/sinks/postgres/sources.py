"""The newest state of each live source, and its gaps as they are told."""

from collections.abc import Sequence

from services.writer.sinks.postgres.connection import Connection
from shared.events import SourceState
from shared.time import to_datetime

_UPSERT = """
INSERT INTO sources AS s (source, provider, epoch, state, at, received, acknowledged, connects, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (source) DO UPDATE SET provider = excluded.provider, epoch = excluded.epoch, state = excluded.state, at = excluded.at,
    received = excluded.received, acknowledged = excluded.acknowledged, connects = excluded.connects, reason = excluded.reason
WHERE excluded.epoch >= s.epoch
"""
_GAP = """
INSERT INTO source_gaps (source, start, "end", reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""


async def update(connection: Connection, states: Sequence[SourceState]) -> None:
    """Keeps the last state of each source in the batch, and every gap."""
    newest = {state.source: state for state in states}
    for source, s in sorted(newest.items()):
        counts = (s.received, s.acknowledged, s.connects)
        await connection.execute(_UPSERT, source, s.provider, s.epoch, s.state, to_datetime(s.at), *counts, s.reason)
    gaps = sorted((s.source, to_datetime(s.gap.start), to_datetime(s.gap.end), s.gap.reason) for s in states if s.gap)
    if gaps:
        await connection.executemany(_GAP, gaps)
