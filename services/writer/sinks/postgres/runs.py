"""Runs and their markers: a run is finished when every (origin x derived) copy of its markers is stored."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from services.writer.batch import Place
from services.writer.sinks.postgres.connection import Connection
from shared.events import Marker, Run
from shared.time import from_datetime, to_datetime
from shared.topics import derived

FINAL = ("finished", "failed")
RECORDED = ("published", *FINAL)  # of records: `shared.runs.FINAL`

_PLACEHOLDER = """
INSERT INTO runs (run_id, run_kind, status, source, requested_at, updated_at, request)
SELECT r, split_part(r, '-', 1), 'running', '', '-infinity', '-infinity', '{}' FROM unnest($1::text[]) AS u (r) ORDER BY r
ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT run_id, ended FROM runs WHERE run_id = ANY($1) ORDER BY run_id FOR UPDATE"
# The order of records is that of `shared.runs.newest`: a final one holds, then the later attempt, whatever the clocks of their fetchers.
# The store's own end has no attempt of its own, so of two final ones the later holds.
_UPDATE = """
UPDATE runs SET run_kind = $2, source = $3, requested_at = $4, updated_at = $5, request = $6, sent = greatest(sent, $7), bytes_read = $8,
    bytes_total = $9, attempts = $10,
    message = CASE WHEN $11 = '' AND status IN ('finished', 'failed') THEN message ELSE $11 END,
    status = CASE WHEN status IN ('finished', 'failed') THEN status ELSE $12 END,
    finished_at = CASE WHEN $12 = 'failed' AND finished_at IS NULL THEN $5 ELSE finished_at END, views_at = NULL
WHERE run_id = $1 AND (updated_at = '-infinity' OR CASE
    WHEN $12 = ANY($13) THEN status <> ALL($13) OR (attempts, updated_at) <= ($10, $5)
    ELSE status <> ALL($13) AND (attempts, sent, updated_at) <= ($10, $7, $5) END)
"""
# A run's end may be stored before its last result, and what the store says of that end has none: neither takes a result away.
_RESULT = "UPDATE runs SET result = $2, views_at = NULL WHERE run_id = $1 AND (result = '{}' OR updated_at <= $3)"
_MARK = """
INSERT INTO run_markers (run, raw_partition, topic, partition, expected, status) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_COMPLETE = """
SELECT run, bool_or(status = 'aborted') AS aborted FROM run_markers
WHERE run = ANY($1) GROUP BY run HAVING count(*) >= max(expected)
"""
_FINISH = """
UPDATE runs SET status = CASE WHEN $2 THEN 'failed' ELSE 'finished' END, finished_at = coalesce(finished_at, clock_timestamp()),
    sent = greatest(sent, $3), message = CASE WHEN message = '' THEN $4 ELSE message END, views_at = NULL, ended = source <> ''
WHERE run_id = $1 AND NOT ended RETURNING *
"""


async def lock(connection: Connection, runs: Collection[str]) -> dict[str, bool]:
    """Takes the rows of the runs, made where they are missing, in order; returns which have ended with all that follows."""
    wanted = sorted(runs)
    await connection.execute(_PLACEHOLDER, wanted)
    return {row["run_id"]: row["ended"] for row in await connection.fetch(_LOCK, wanted)}


async def unfinished(connection: Connection, runs: Collection[str]) -> set[str]:
    """Those of the runs whose rows may still come."""
    rows = await connection.fetch("SELECT run_id FROM runs WHERE run_id = ANY($1) AND status = ANY($2)", sorted(runs), FINAL)
    return set(runs) - {row["run_id"] for row in rows}


async def update(connection: Connection, runs: Mapping[str, Run]) -> None:
    """Keeps what a run's record says, unless something newer or an end is known."""
    for run_id, run in sorted(runs.items()):
        await connection.execute(
            _UPDATE, run_id, run.run_kind, run.source, to_datetime(run.requested_at), to_datetime(run.updated_at),
            msgspec.json.encode(run.request).decode(), run.sent, run.bytes_read, run.bytes_total, run.attempts, run.message, run.status,
            RECORDED,
        )  # fmt: skip
        if run.result:
            await connection.execute(_RESULT, run_id, msgspec.json.encode(run.result).decode(), to_datetime(run.updated_at))


async def mark(connection: Connection, markers: Iterable[tuple[Marker, Place]]) -> None:
    """Keeps copies of markers."""
    rows = [(m.run, m.origin.partition, topic, p, len(m.partitions) * copies(m.topic), m.status) for m, (topic, p) in markers]
    await connection.executemany(_MARK, sorted(rows))


def copies(raw: str) -> int:
    """How many copies of one origin's marker there are."""
    return sum(topic.partitions for topic in derived(raw))


async def complete(connection: Connection, runs: Collection[str]) -> dict[str, bool]:
    """Those of the locked runs whose markers are all stored, with whether they were aborted."""
    return {row["run"]: row["aborted"] for row in await connection.fetch(_COMPLETE, sorted(runs))}


async def finish(connection: Connection, run_id: str, *, aborted: bool, sent: int, message: str) -> Run | None:
    """Ends a run; returns its last record, None if it had ended before or its first has not come."""
    row = await connection.fetchrow(_FINISH, run_id, aborted, sent, message)
    if row is None or row["source"] == "":
        return None
    return Run(
        run_id, row["run_kind"], row["status"], row["source"], from_datetime(row["requested_at"]), from_datetime(row["finished_at"]),
        msgspec.json.decode(row["request"]), row["sent"], row["bytes_read"], row["bytes_total"], row["attempts"], row["message"],
        msgspec.json.decode(row["result"]),
    )  # fmt: skip
