"""Operational events, each id once: of several copies the first in the log holds."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import msgspec

from services.writer.batch import first
from services.writer.sinks.postgres.connection import Connection
from shared.aggregations.minutes import Key
from shared.events import Origin, ServiceEvent
from shared.time import MINUTE, from_datetime, to_datetime

_TYPES = {
    "event_id": "text", "service": "text", "event_type": "text", "event_time": "timestamptz", "timestamp": "text", "latency_ms": "numeric",
    "status_code": "integer", "user_id": "text", "region": "text", "schema_version": "integer", "extra": "json", "nulled": "text[]",
    "received_at": "timestamptz", "late": "boolean", "run": "text", "epoch": "bigint", "raw_partition": "integer", "raw_offset": "bigint",
    "raw_index": "integer",
}  # fmt: skip
_COLUMNS = ", ".join(_TYPES)
_GIVEN = ", ".join(f"${n}::{'text' if kind.endswith('[]') else kind}[]" for n, kind in enumerate(_TYPES.values(), 1))
_ROWS = f"unnest({_GIVEN}) AS u ({_COLUMNS})"
_INSERT = f"""
INSERT INTO service_events ({_COLUMNS}) SELECT {", ".join(f"u.{name}::{kind}" for name, kind in _TYPES.items())} FROM {_ROWS}
ON CONFLICT DO NOTHING RETURNING event_id
"""
_REPLACE = f"""
UPDATE service_events e SET ({_COLUMNS}) = ROW ({", ".join(f"u.{name}::{kind}" for name, kind in _TYPES.items())})
FROM {_ROWS} WHERE e.event_id = u.event_id
"""
_KNOWN = "SELECT * FROM service_events WHERE event_id = ANY($1::text[]) ORDER BY event_id FOR UPDATE"
_MINUTE = "SELECT * FROM service_events WHERE service = $1 AND event_time >= $2 AND event_time < $3"


async def store(connection: Connection, events: Mapping[str, ServiceEvent]) -> tuple[set[str], list[ServiceEvent]]:
    """Stores the events that are new; returns their ids, and the stored copies that were replaced."""
    new = {row[0] for row in await connection.fetch(_INSERT, *_columns(sorted(events.items())))}
    if len(new) == len(events):
        return new, []
    known = [event(row) for row in await connection.fetch(_KNOWN, sorted(events.keys() - new))]
    losers = [old for old in known if first(events[old.event_id]) < first(old)]
    if losers:
        await connection.execute(_REPLACE, *_columns([(old.event_id, events[old.event_id]) for old in losers]))
    return new, losers


async def minute(connection: Connection, window: Key) -> list[ServiceEvent]:
    """The stored events of one window."""
    service, start = window
    return [event(row) for row in await connection.fetch(_MINUTE, service, to_datetime(start), to_datetime(start + MINUTE))]


def event(row: asyncpg.Record) -> ServiceEvent:
    """A row of `service_events`."""
    found: dict[str, Any] = dict(row)
    origin = Origin(*(found.pop(name) for name in ("epoch", "raw_partition", "raw_offset", "raw_index")))
    times = {name: from_datetime(found[name]) for name in ("event_time", "received_at")}
    extra = msgspec.json.decode(found["extra"], type=dict[str, msgspec.Raw])
    return ServiceEvent(**{**found, **times, "extra": extra, "nulled": tuple(found["nulled"])}, origin=origin)


def _columns(events: list[tuple[str, ServiceEvent]]) -> list[list[Any]]:
    return [list(column) for column in zip(*(_row(found) for _, found in events), strict=True)]


def _row(e: ServiceEvent) -> tuple[Any, ...]:
    values = (e.latency_ms, e.status_code, e.user_id, e.region, e.schema_version, msgspec.json.encode(e.extra).decode())
    at = (e.origin.epoch, e.origin.partition, e.origin.offset, e.origin.index)
    times = (to_datetime(e.event_time), e.timestamp)
    nulled = f"{{{','.join(e.nulled)}}}"  # names of fields, which need no quotes
    return (e.event_id, e.service, e.event_type, *times, *values, nulled, to_datetime(e.received_at), e.late, e.run, *at)
