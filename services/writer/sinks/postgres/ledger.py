"""Counts per source, run and hour, each added in the transaction that did the work; tallies and dead letters as they came."""

from collections.abc import Mapping, Sequence

from services.writer.batch import LedgerKey, Letter
from services.writer.sinks.postgres.connection import Connection
from shared.events import Tally
from shared.time import from_datetime, to_datetime

COUNTS = ("stored", "duplicate", "late", "rejected", "mismatch")
_ADD = f"""
INSERT INTO ledger AS l (source, run, hour, {", ".join(COUNTS)})
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], {", ".join(f"${i}::bigint[]" for i in range(4, 4 + len(COUNTS)))})
ON CONFLICT (source, run, hour) DO UPDATE SET {", ".join(f"{name} = l.{name} + excluded.{name}" for name in COUNTS)}
"""
_BLOCK = "(t.cluster, t.topic, t.partition, t.epoch, t.block) = ($1, u.topic, u.partition, u.epoch, u.block)"
_BLOCKS = "unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[]"
_CLEAR = f"DELETE FROM tallies t USING {_BLOCKS}) AS u (topic, partition, epoch, block, upto) WHERE {_BLOCK} AND t.upto <= u.upto"
_INSERT_TALLY = f"""
INSERT INTO tallies (cluster, topic, partition, epoch, block, upto, source, run, hour, received, rejected, ignored)
SELECT $1, u.*
FROM {_BLOCKS}, $7::text[], $8::text[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::bigint[])
    AS u (topic, partition, epoch, block, upto, source, run, hour, received, rejected, ignored)
WHERE NOT EXISTS (SELECT FROM tallies t WHERE {_BLOCK} AND t.upto > u.upto)
"""
_GAP = """
INSERT INTO log_gaps (cluster, stage, topic, partition, first_lost, next_kept) VALUES ($1, 'transformer', $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""
_LETTERS = """
WITH new AS (
INSERT INTO dead_letters (cluster, partition, "offset", origin, source, run, line, reason, message, received_at, sample,
                          count, others)
SELECT $1, * FROM unnest($2::int[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[],
                         $10::timestamptz[], $11::bytea[], $12::bigint[], $13::json[])
ON CONFLICT (cluster, origin) DO NOTHING RETURNING source, run, date_trunc('hour', received_at, 'UTC') AS hour, reason, count
) SELECT source, run, hour, reason, sum(count)::bigint FROM new GROUP BY source, run, hour, reason
"""


async def add(connection: Connection, counts: Mapping[str, Mapping[LedgerKey, int]]) -> None:
    """Adds the counts, by name, to their rows; sorted, so that replicas cannot deadlock."""
    keys = sorted({key for counted in counts.values() for key in counted})
    if keys:
        columns = [[counts.get(name, {}).get(key, 0) for key in keys] for name in COUNTS]
        await connection.execute(_ADD, [k[0] for k in keys], [k[1] for k in keys], [to_datetime(k[2]) for k in keys], *columns)


async def tally(connection: Connection, cluster: str, tallies: Sequence[Tally]) -> None:
    """Replaces each block's counts by those that reach further; writes lost offsets down."""
    newest = {(t.topic, t.partition, t.epoch, t.block): t for t in sorted(tallies, key=lambda t: t.upto)}
    blocks = [(*place, found.upto) for place, found in sorted(newest.items())]
    await connection.execute(_CLEAR, cluster, *map(list, zip(*blocks, strict=True)))
    counts = [
        (*place, found.upto, c.source, c.run, to_datetime(c.hour), c.received, c.rejected, c.ignored)
        for place, found in sorted(newest.items())
        for c in found.counts
    ]
    if counts:
        await connection.execute(_INSERT_TALLY, cluster, *map(list, zip(*counts, strict=True)))
    for found in tallies:
        if found.lost is not None:
            await connection.execute(_GAP, cluster, found.topic, found.partition, *found.lost)


async def letters(connection: Connection, cluster: str, found: Sequence[Letter]) -> list[tuple[LedgerKey, str, int]]:
    """Keeps dead letters, each origin once; returns how many values of the new ones count where, by reason."""
    columns = [
        [x.partition for x in found],
        [x.offset for x in found],
        [x.origin for x in found],
        [x.source for x in found],
        [x.run for x in found],
        [x.line for x in found],
        [x.reason for x in found],
        [x.message for x in found],
        [to_datetime(x.received_at) for x in found],
        [x.sample for x in found],
        [x.count for x in found],
        [x.others for x in found],
    ]
    rows = await connection.fetch(_LETTERS, cluster, *columns)
    return [((source, run, from_datetime(hour)), reason, count) for source, run, hour, reason, count in rows]
