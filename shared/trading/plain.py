"""Rows that are plain, taken apart together: records into rows, rows into columns, columns into values. Pure.

Most of a file's rows are alike, so that what they have in common is looked at once, and what a text means is looked up.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from itertools import repeat
from typing import TypeVar

from shared.records import RUN_HEADER, Record, Row
from shared.trading import values

Value = TypeVar("Value")
Column = Sequence[str]
_KNOWN = 65_536
_LONGEST = 256  # characters of a text that is remembered
_USUAL = len("2026-01-05T14:30:00.120000Z")
_DIGITS = frozenset(range(1, 19))  # that a number of the header has, as shared.records.ROW says


class Unusual(Exception):
    """Records or rows of which one is not plain: quoted, of another width, or with an id that JSON escapes. They are taken one by one."""


class Known(dict[str, Value]):
    """What the texts of a column stand for, as far as they were met; a text that `read` refuses raises each time."""

    def __init__(self, read: Callable[[str], Value]) -> None:
        self._read = read

    def __missing__(self, text: str) -> Value:
        if len(text) > _LONGEST:
            raise Unusual
        if len(self) >= _KNOWN:
            self.clear()
        value = self[text] = self._read(text.strip())
        return value


def look_up(known: Known[Value], texts: Column) -> list[Value]:
    """What the texts stand for; raises what `read` raises."""
    return list(map(known.__getitem__, texts))


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


def cells(rows: Sequence[str], width: int) -> list[Column]:
    """The columns of rows of so many fields; raises `Unusual`."""
    joined = ",".join(rows)
    if '"' in joined or set(map(str.count, rows, repeat(","))) != {width - 1}:
        raise Unusual
    found = joined.split(",")
    return [found[at::width] for at in range(width)]


def moments(texts: Column, zone: tzinfo) -> list[int]:
    """Times in us; raises `Rejected`. Those of the usual form are looked at together: a slice of all has every digit of one place."""
    joined, count = "".join(texts), len(texts)
    if len(joined) == count * _USUAL and joined[26::27] == "Z" * count and joined[19::27] == "." * count and joined[16::27] == ":" * count:
        digits = "".join([joined[at::27] for at in range(20, 26)])
        if digits.isascii() and digits.isdigit() and set(map(len, texts)) == {_USUAL}:
            seconds = look_up(_SECOND, [text[:19] for text in texts])
            return [second + int(text[20:26]) for second, text in zip(seconds, texts, strict=True)]
    return [values.moment(text.strip(), zone) for text in texts]


_SECOND = Known(lambda text: values.moment(f"{text}.000000Z", UTC))
