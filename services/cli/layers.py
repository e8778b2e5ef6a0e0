"""The layers of a run of operational events as files: what came in, what it was cleaned to, what that comes to, and what was wrong.

Everything is computed from the run's own records in ops.raw.v1 by the functions that the services use, so the same file always gives the
same layers, whatever the store knew before. Invariant: a row of `bronze/raw_events` is a row of the file, none is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from shared.errors import Rejected
    from shared.events import ServiceEvent, ServiceMinute
    from shared.ops.raw import Raw
    from shared.records import Record
    from shared.settings import Settings

BRONZE = ("line", "service", "received_at", "payload", "errors")
CLEANED = (
    "event_id", "event_time", "timestamp", "service", "event_type", "latency_ms", "status_code", "user_id", "region", "schema_version",
    "extra",
)  # fmt: skip
AGGREGATED = (
    "service", "start", "request_count", "avg_latency_ms", "status_count", "error_count", "error_rate", "p50", "p95", "p99",
)  # fmt: skip
ERRORS = ("line", "outcome", "reason", "message", "payload")
Row = tuple[Any, ...]


class Incomplete(Exception):
    """The log no longer holds all rows of the run."""


class Case(NamedTuple):
    """A row of the file, and what it is: an event, or why it is none."""

    record: Record
    raw: Raw
    event: ServiceEvent | None
    fault: Rejected | None


async def collect(found: Settings, run_id: str, sent: int) -> list[Case]:
    """The run's rows in the order of the file; raises `Incomplete` and `Unavailable`."""
    from shared.bus import Log
    from shared.ops.raw import read
    from shared.records import control_kind
    from shared.topics import OPS_RAW

    cases: dict[tuple[int, int], Case] = {}
    async with Log(found.kafka) as log:
        for partition, (first, end) in (await log.ranges(OPS_RAW)).items():
            async for records in log.read(OPS_RAW, partition, first, end):
                for record in records:
                    raw = read(record) if control_kind(record.headers) is None else None
                    if raw is not None and raw.row is not None and raw.row.run == run_id:
                        cases.setdefault((raw.row.line, raw.row.n), _case(record, raw))
    if len(cases) < sent:
        raise Incomplete(f"the log holds {len(cases):,} of the run's {sent:,} rows: a larger retention of {OPS_RAW.name} keeps more")
    return [cases[place] for place in sorted(cases)]


def _case(record: Record, raw: Raw) -> Case:
    from shared.errors import Rejected
    from shared.events import Origin

    try:
        return Case(record, raw, raw.event(Origin(0, record.partition, record.offset), 0), None)
    except Rejected as fault:
        return Case(record, raw, None, fault)


def write(folder: Path, cases: Sequence[Case]) -> list[Path]:
    """The four layers as CSV and Parquet; their paths."""
    from shared.aggregations import minutes

    kept: dict[str, ServiceEvent] = {}
    for case in sorted(cases, key=lambda case: (case.raw.received_at, case.record.partition, case.record.offset)):
        if case.event is not None:
            kept.setdefault(case.event.event_id, case.event)
    events = [case.event for case in cases if case.event is not None and kept[case.event.event_id] is case.event]
    folded = minutes.fold(events)
    layers: tuple[tuple[str, Sequence[str], Iterable[Row]], ...] = (
        ("bronze/raw_events", BRONZE, map(_bronze, cases)),
        ("silver/cleaned_events", CLEANED, map(_cleaned, events)),
        ("silver/aggregated_metrics", AGGREGATED, (_aggregated(folded[key]) for key in sorted(folded))),
        ("silver/error_cases", ERRORS, (row for case in cases for row in _errors(case, kept))),
    )
    return [path for name, columns, rows in layers for path in _files(folder / name, columns, [list(row) for row in rows])]


def _bronze(case: Case) -> Row:
    from shared.time import to_iso

    row = case.raw.row
    return row.line if row else 0, case.raw.source, to_iso(case.raw.received_at), _payload(case), ";".join(_said(case))


def _said(case: Case) -> list[str]:
    """What is wrong with the row, in the order in which it is looked at."""
    if case.fault is not None:
        return [case.fault.reason]
    return [f"null:{name}" for name in case.event.nulled] if case.event is not None else []


def _cleaned(event: ServiceEvent) -> Row:
    import msgspec

    from shared.time import to_iso

    known = {name: getattr(event, name) for name in CLEANED}
    return tuple((known | {"event_time": to_iso(event.event_time), "extra": msgspec.json.encode(event.extra).decode()}).values())


def _aggregated(minute: ServiceMinute) -> Row:
    from shared.aggregations import minutes
    from shared.time import to_iso

    percentiles = (minutes.percentile(minute, percent) for percent in (50, 95, 99))
    counts = minute.status_count, minute.error_count, minutes.error_rate(minute)
    return minute.service, to_iso(minute.start), minute.request_count, minutes.average(minute), *counts, *percentiles


def _errors(case: Case, kept: dict[str, ServiceEvent]) -> Iterable[Row]:
    line = case.raw.row.line if case.raw.row else 0
    if case.fault is not None:
        yield line, "rejected", case.fault.reason, case.fault.message, _payload(case)
        return
    if case.event is not None and kept[case.event.event_id] is not case.event:
        yield line, "duplicate", "event_id", f"{case.event.event_id} came before", _payload(case)
        return
    for name in case.event.nulled if case.event is not None else ():
        yield line, "null", name, f"{name} was given and cannot be used", _payload(case)


def _payload(case: Case) -> str:
    return (case.record.value or b"").decode("utf-8", "backslashreplace")


def _files(path: Path, columns: Sequence[str], rows: list[list[Any]]) -> list[Path]:
    """One layer in both formats, each put in its place only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return [
        _whole(path.with_suffix(".csv"), _write_csv, columns, rows),
        _whole(path.with_suffix(".parquet"), _write_parquet, columns, rows),
    ]


def _whole(path: Path, put: Callable[[Path, Sequence[str], list[list[Any]]], None], columns: Sequence[str], rows: list[list[Any]]) -> Path:
    unfinished = path.with_name(f".{path.name}.part")
    put(unfinished, columns, rows)
    unfinished.replace(path)
    return path


def _write_csv(path: Path, columns: Sequence[str], rows: list[list[Any]]) -> None:
    from decimal import Decimal

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([f"{value:f}" if isinstance(value, Decimal) else value for value in row] for row in rows)


def _write_parquet(path: Path, columns: Sequence[str], rows: list[list[Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, _type(name)) for name in columns])
    held = list(zip(*rows, strict=True)) or [()] * len(columns)
    table = pa.table([pa.array(values, kind) for values, kind in zip(held, schema.types, strict=True)], schema=schema)
    parquet.write_table(table, path, compression="zstd")


def _type(name: str) -> Any:
    """Numbers as numbers, latencies and rates exact, everything else text."""
    import pyarrow as pa

    if name in ("line", "status_code", "schema_version", "request_count", "status_count", "error_count"):
        return pa.int64()
    return pa.decimal128(38, 18) if name in ("latency_ms", "avg_latency_ms", "error_rate", "p50", "p95", "p99") else pa.string()
