"""Which runs' views are to be written, and what they are made of.

Invariant: one writer at a time writes views, of what it reads once it may; so an older state never replaces a newer one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from services.writer.sinks.postgres.connection import Connection
from services.writer.sinks.postgres.pieces import without

_TURN = "SELECT pg_try_advisory_xact_lock(7241110005)"
# A run whose row was written since it was read is written once more.
_WANTED = f"""
SELECT run_id, run_kind, source, status, message, r.requested_at, finished_at, request, result, attempts, days, sent,
       r.xmin::text AS version,
       (SELECT coalesce(sum(stored), 0)::bigint FROM ledger WHERE run = run_id) AS stored,
       (SELECT coalesce(sum(duplicate), 0)::bigint FROM ledger WHERE run = run_id) AS duplicate,
       (SELECT coalesce(sum(rejected), 0)::bigint FROM ledger WHERE run = run_id) AS rejected,
       o.fills_path, o.summary_path, o.fills_uri, o.summary_uri
FROM runs r LEFT JOIN outputs o ON o.run = r.run_id
WHERE finished_at IS NOT NULL AND views_at IS NULL AND {without("views", "r.run_id")} AND source <> ''
  AND (o.run IS NULL OR o.written_at IS NOT NULL OR NOT {without("outputs", "o.run")})
  AND (status = 'failed' OR ((run_kind <> 'daily' OR days IS NOT NULL) AND (run_kind <> 'snapshot' OR result <> '{{}}')))
ORDER BY r.requested_at, run_id LIMIT 1
"""
_WRITTEN = "UPDATE runs SET views = $3, views_at = now() WHERE run_id = $1 AND xmin::text = $2"
_SNAPSHOTS = """
SELECT result FROM runs WHERE run_kind = 'snapshot' AND left(result ->> 'started_at', 16) = $1 ORDER BY result ->> 'started_at', run_id
"""


async def wanted(connection: Connection) -> asyncpg.Record | None:
    """A run whose views are to be written, where it is this transaction's turn."""
    return await connection.fetchrow(_WANTED) if await connection.fetchval(_TURN) else None


async def written(connection: Connection, run: asyncpg.Record, views: Mapping[str, str]) -> None:
    """The run's views are there, by name."""
    await connection.execute(_WRITTEN, run["run_id"], run["version"], json.dumps(views))


async def snapshots(connection: Connection, minute: str) -> Sequence[dict[str, Any]]:
    """What the snapshots begun in a minute, like 2026-01-13T11:32, came to."""
    return [json.loads(row["result"]) for row in await connection.fetch(_SNAPSHOTS, minute)]
