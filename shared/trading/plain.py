"""Records of trading.raw.v1 that are plain rows of files, taken apart together. Pure."""

from collections.abc import Sequence
from itertools import repeat

from shared.records import RUN_HEADER, Record, Row

_DIGITS = frozenset(range(1, 19))  # that a number of the header has, as shared.records.ROW says


class Unusual(Exception):
    """Records of which one is no plain row: it is taken by itself, as any record is."""


def split(records: Sequence[Record]) -> tuple[list[str], list[str], list[str]]:
    """Canonical headers, rows and runs, one of each a record; raises `Unusual`."""
    payloads = [record.value or b"" for record in records]
    if set(map(bytes.count, payloads, repeat(b"\n"))) != {1}:
        raise Unusual
    try:
        lines = b"\n".join(payloads).decode().split("\n")
    except UnicodeDecodeError:
        raise Unusual from None
    return lines[::2], lines[1::2], _runs([record.headers for record in records])


def _runs(headers: Sequence[Sequence[tuple[str, bytes]]]) -> list[str]:
    """The run that each record's only header names: `run_id:line:n`."""
    if set(map(len, headers)) != {1} or {given[0][0] for given in headers} != {RUN_HEADER}:
        raise Unusual
    told = [given[0][1] for given in headers]
    if set(map(bytes.count, told, repeat(b":"))) != {2}:
        raise Unusual
    parts = b":".join(told).split(b":")
    numbers = [*parts[1::3], *parts[2::3]]
    if not b"".join(numbers).isdigit() or not _DIGITS.issuperset(map(len, numbers)):
        raise Unusual
    known = {run: _run(run) for run in set(parts[::3])}
    return [known[run] for run in parts[::3]]


def _run(told: bytes) -> str:
    row = Row.parse(b"%b:0:0" % told)
    if row is None:
        raise Unusual
    return row.run
