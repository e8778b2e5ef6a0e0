"""What must still be published, written with the facts it tells of; only the newest value of a key waits."""

from collections.abc import Iterable

import asyncpg
import msgspec

from services.writer.batch import Rejection
from services.writer.sinks.postgres.connection import Connection
from shared.events import Candle, Run, ServiceMinute
from shared.partitioning import partition
from shared.topics import CANDLES, DEAD_LETTERS, MINUTES, RUNS

_PUT = """
INSERT INTO outbox (topic, key, partition, value) SELECT * FROM unnest($1::text[], $2::bytea[], $3::int[], $4::bytea[])
ON CONFLICT (topic, key) DO UPDATE SET partition = excluded.partition, value = excluded.value, position = nextval('outbox_sequence')
"""
# Rows of some megabytes at a time, at least one; an id stands for a record of some 400 bytes.
_NEXT = """
SELECT topic, key, partition, value, position, ids, letter FROM (
    SELECT *, sum(size) OVER (ORDER BY position) - size AS before
    FROM (SELECT *, octet_length(value) + 400 * coalesce(cardinality(ids), 0) AS size FROM outbox ORDER BY position LIMIT $1) first
) o WHERE before < $2 ORDER BY position
"""
_MOST_BYTES = 2 * 1024 * 1024
_DONE = """
DELETE FROM outbox o USING unnest($1::text[], $2::bytea[], $3::bigint[]) AS u (t, k, p)
WHERE (o.topic, o.key, o.position) = (u.t, u.k, u.p)
"""
_encode = msgspec.json.Encoder(decimal_format="string").encode
_LETTERS = """
INSERT INTO outbox (topic, key, partition, value, letter)
SELECT $1, * FROM unnest($2::bytea[], $3::int[], $4::bytea[], $5::jsonb[]) ON CONFLICT DO NOTHING
"""
Row = tuple[str, bytes, int, bytes]
Headers = list[tuple[str, bytes]]


def candle(event: Candle) -> Row:
    """A stored candle as the stream's readers know it."""
    key = f"{event.source}|{event.symbol}|{event.kind}|{event.interval}|{event.start}".encode()
    return CANDLES.name, key, partition(event.symbol.encode(), CANDLES.partitions), _encode(event)


def minute(event: ServiceMinute) -> Row:
    """A stored minute as the stream's readers know it."""
    service = event.service.encode()
    return MINUTES.name, b"%b|%d" % (service, event.start), partition(service, MINUTES.partitions), _encode(event)


def run(event: Run) -> Row:
    """A run's end."""
    key = event.run_id.encode()
    return RUNS.name, key, partition(key, RUNS.partitions), _encode(event)


class _Letter(msgspec.Struct, frozen=True):
    """The key and headers of a dead letter; bytes are base64 in its JSON, which may hold no NUL."""

    key: bytes | None
    headers: Headers


def record(row: asyncpg.Record) -> tuple[bytes | None, bytes, Headers]:
    """The key, value and headers of a row that holds its record."""
    if row["letter"] is None:
        return row["key"], row["value"], []
    letter = msgspec.json.decode(row["letter"], type=_Letter)
    return letter.key, row["value"], letter.headers


async def put(connection: Connection, rows: Iterable[Row]) -> None:
    """Adds records, in key order."""
    ordered = sorted({row[:2]: row for row in rows}.values())
    if ordered:
        await connection.execute(_PUT, *(list(column) for column in zip(*ordered, strict=True)))


async def put_letters(connection: Connection, rejected: Iterable[Rejection]) -> None:
    """Adds dead letters, each by itself, in the order of their origins."""
    rows = {r.letter.origin.encode(): (r.partition, r.value, _encode(_Letter(r.key, r.headers)).decode()) for r in rejected}
    found = [(key, *row) for key, row in sorted(rows.items())]
    await connection.execute(_LETTERS, DEAD_LETTERS.name, *(list(column) for column in zip(*found, strict=True)))


async def waiting(connection: Connection, limit: int) -> list[asyncpg.Record]:
    """The next records in order."""
    return await connection.fetch(_NEXT, limit, _MOST_BYTES)


async def done(connection: Connection, sent: list[asyncpg.Record]) -> None:
    """Removes acknowledged records, unless a newer value took their place meanwhile."""
    await connection.execute(_DONE, [r["topic"] for r in sent], [r["key"] for r in sent], [r["position"] for r in sent])
