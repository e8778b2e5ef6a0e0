"""Feeds of a CSV of archived records, and the other way round: what `tickplant archive export` writes, `replay --from csv` reads.

The file is read through once before anything is published, so a line that is wrong is told first; then each partition's part by itself.
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from services.cli.feeds import Feed, within

if TYPE_CHECKING:
    from shared.records import Record, Stored
    from shared.topics import Topic

LONGEST = 32 * 1024 * 1024  # characters of a cell: the largest record in base64, and room
BATCH = 1000


class Unreadable(Exception):
    """The file is no such CSV; says what and where."""


class _Part(NamedTuple):
    """Consecutive rows of one partition: where they start, and how many there are."""

    at: int
    line: int
    rows: int


def feeds(path: Path, topics: Sequence[Topic]) -> list[Feed]:
    """The records of these topics, or of all, in the order of the file; raises `Unreadable`."""
    from shared.topics import TOPICS

    known = {topic.name: topic for topic in TOPICS}
    parts: dict[tuple[str, int], list[_Part]] = {}
    last: dict[tuple[str, int], int] = {}
    current: tuple[str, int] | None = None
    with path.open("rb") as file:
        names = _names(file)
        for at, line, name, record in _rows(file, names, file.tell(), 2):
            place = name, record.partition
            topic = known.get(name)
            if topic is None or not 0 <= record.partition < topic.partitions:
                raise Unreadable(f"line {line}: there is no {name[:80]}/{record.partition}; topics are {', '.join(known)}")
            if record.offset <= last.get(place, -1):
                raise Unreadable(f"line {line}: offset {record.offset} of {name}/{record.partition} comes after {last[place]}")
            last[place] = record.offset
            held = parts.setdefault(place, [])
            if place == current:
                held[-1] = held[-1]._replace(rows=held[-1].rows + 1)
            else:
                held.append(_Part(at, line, 1))
            current = place
    wanted = {topic.name for topic in topics} or set(known)
    return [
        Feed(known[name], number, sum(part.rows for part in held), partial(_records, path, names, held))
        for (name, number), held in sorted(parts.items())
        if name in wanted
    ]


async def export(feeds: Sequence[Feed], since: int | None, until: int | None, out: IO[str]) -> int:
    """Writes the records with timestamps in [since, until) ms; how many there are."""
    from shared.archive import text

    writer, count = csv.writer(out, lineterminator="\n"), 0
    writer.writerow(text.COLUMNS)
    for feed in feeds:
        async for records in feed.records():
            chosen = within(records, since, until)
            writer.writerows(text.row(feed.topic.name, record) for record in chosen)
            count += len(chosen)
    return count


async def _records(path: Path, names: list[str], parts: Sequence[_Part]) -> AsyncIterator[Sequence[Record]]:
    batch: list[Record] = []
    with path.open("rb") as file:
        for part in parts:
            for _, (_, _, _, record) in zip(range(part.rows), _rows(file, names, part.at, part.line), strict=False):
                batch.append(record)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
    yield batch


def _names(file: IO[bytes]) -> list[str]:
    from shared.archive.text import COLUMNS

    head = file.readline(LONGEST).decode("utf-8-sig", "replace")
    names = next(csv.reader([head]), [])
    if missing := [name for name in COLUMNS if name not in names]:
        raise Unreadable(f"line 1: there is no column {', '.join(missing)}; the columns are {','.join(COLUMNS)}")
    return names


def _rows(file: IO[bytes], names: list[str], at: int, line: int) -> Iterator[tuple[int, int, str, Stored]]:
    """The rows from a place of the file on: each with its place and line; raises `Unreadable`."""
    from shared.archive import text

    file.seek(at)
    following, lines = at, line

    def told() -> Iterator[str]:
        nonlocal following, lines
        while read := file.readline(LONGEST):
            following += len(read)
            lines += 1
            yield read.decode()

    rows = csv.reader(told(), strict=True)
    while True:
        place, number = following, lines
        try:
            cells = _cells(rows)
            if cells is None:
                return
            if len(cells) != len(names):
                raise ValueError(f"{len(cells)} cells, the header has {len(names)}")
            name, record = text.read(dict(zip(names, cells, strict=True)))
        except (ValueError, csv.Error) as fault:
            raise Unreadable(f"line {number}: {fault}") from None
        yield place, number, name, record


def _cells(rows: Iterator[list[str]]) -> list[str] | None:
    """The next row's cells; a record's value may be longer than the csv module, for all its readers, allows."""
    allowed = csv.field_size_limit(LONGEST)
    try:
        return next(rows, None)
    finally:
        csv.field_size_limit(allowed)
