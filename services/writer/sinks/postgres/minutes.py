"""Service minutes in the store: the SQL below is `shared.aggregations.minutes.merge`, value for value."""

from typing import Any

import asyncpg

from services.writer.sinks.postgres.aggregates import Key, Table
from shared.events import ServiceMinute
from shared.time import from_datetime

_SUMS = ("request_count", "latency_count", "latency_sum", "status_count", "error_count", "late_count")
_BOTH = "(SELECT * FROM unnest(a.buckets, a.counts) UNION ALL SELECT * FROM unnest(excluded.buckets, excluded.counts)) AS b (bucket, n)"
_ADDED = f"(SELECT bucket, sum(n)::bigint AS n FROM {_BOTH} GROUP BY bucket) AS s"


def key(minute: Any) -> Key:
    """The identity of a minute."""
    return minute.service, minute.start


def row(minute: ServiceMinute) -> tuple[Any, ...]:
    """Its values, in the order of the table's."""
    buckets, counts = zip(*minute.latencies, strict=True) if minute.latencies else ((), ())
    return (*(getattr(minute, name) for name in _SUMS), _array(buckets), _array(counts))


def read(found: asyncpg.Record) -> ServiceMinute:
    """A row of `minutes`."""
    latencies = tuple(zip(found["buckets"], found["counts"], strict=True))
    sums: dict[str, Any] = {name: found[name] for name in ("service", *_SUMS, "is_closed")}
    return ServiceMinute(start=from_datetime(found["start"]), latencies=latencies, from_store=True, **sums)


def _array(values: tuple[int, ...]) -> str:
    return f"{{{','.join(map(str, values))}}}"


TABLE = Table(
    "minutes",
    "minute_runs",
    "minute_closings",
    {"service": "text", "start": "timestamptz"},
    {**dict.fromkeys(_SUMS, "bigint"), "latency_sum": "numeric", "buckets": "integer[]", "counts": "bigint[]"},
    {
        **{name: f"a.{name} + excluded.{name}" for name in _SUMS},
        "buckets": f"(SELECT coalesce(array_agg(bucket ORDER BY bucket), '{{}}') FROM {_ADDED})",
        "counts": f"(SELECT coalesce(array_agg(n ORDER BY bucket), '{{}}') FROM {_ADDED})",
    },
    row,
    read,
    key,
    ServiceMinute,
)
