"""Flags on ticks as they stand: of an episode the row that has ended, else the one with more ticks, holds."""

from collections.abc import Mapping

from services.writer.batch import FlagKey
from services.writer.sinks.postgres.connection import Connection
from shared.events import Flag
from shared.telemetry import metrics
from shared.time import to_datetime

_TYPES = {
    "source": "text", "symbol": "text", "kind": "text", "flag": "text", "start": "timestamptz", "since": "timestamptz",
    '"end"': "timestamptz", "ticks": "bigint", "price": "numeric", "reference": "numeric", "epoch": "bigint", "raw_partition": "integer",
    "first_offset": "bigint", "first_index": "integer", "last_epoch": "bigint", "last_offset": "bigint", "last_index": "integer",
}  # fmt: skip
_UPSERT = f"""
INSERT INTO flags AS f ({", ".join(_TYPES)})
SELECT * FROM unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_TYPES.values(), 1))})
ON CONFLICT (source, symbol, kind, flag, epoch, raw_partition, first_offset, first_index) DO UPDATE SET
    "end" = excluded."end", ticks = excluded.ticks,
    last_epoch = excluded.last_epoch, last_offset = excluded.last_offset, last_index = excluded.last_index
WHERE f."end" IS NULL AND (excluded."end" IS NOT NULL OR excluded.ticks > f.ticks)
RETURNING flag, source, xmax = 0 AS raised
"""


async def store(connection: Connection, flags: Mapping[FlagKey, Flag]) -> None:
    """Keeps the newest of each episode; repeats change nothing."""
    rows = [_row(flag) for _, flag in sorted(flags.items())]
    for flag, source, raised in await connection.fetch(_UPSERT, *(list(column) for column in zip(*rows, strict=True))):
        if raised:
            metrics.FLAGS.labels(flag, source).inc()


def _row(f: Flag) -> tuple[object, ...]:
    times = (to_datetime(f.start), to_datetime(f.since), None if f.end is None else to_datetime(f.end))
    first = (f.first.epoch, f.first.partition, f.first.offset, f.first.index)
    last = (f.last.epoch, f.last.offset, f.last.index)
    return (f.source, f.symbol, f.kind, f.flag, *times, f.ticks, f.price, f.reference, *first, *last)
