"""`tickplant skip`: set one record aside, on the record, so that what fails at it goes on.

Invariant: only a record that is in the log, that somebody has still to read, and that ends no run can be set aside.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli import runs, terminal

if TYPE_CHECKING:
    from shared.events import Skip
    from shared.records import Record
    from shared.settings import Settings
    from shared.topics import Topic

ATTEMPTS = 20
ARCHIVE = "s3"  # the archive's group


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(skip)


def skip(
    topic: Annotated[str, typer.Argument(help="The topic, like market.raw.v1.", show_default=False)],
    partition: Annotated[int, typer.Argument(min=0, help="The partition.", show_default=False)],
    offset: Annotated[int, typer.Argument(min=0, help="The record's offset.", show_default=False)],
    why: Annotated[str, typer.Option(help="The reason; it becomes the dead letter's message.", show_default=False)],
    archive: Annotated[bool, typer.Option("--archive", help="The archive leaves the record out too.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the decision back; a record that was rejected stays so.")] = False,
) -> None:
    """Set a record aside: its readers reject it as `skipped` when they next take its partition up."""
    from shared.errors import Unavailable
    from shared.events import Skip

    found = runs.settings()
    decided = Skip(topic, partition, offset, time.time_ns() // 1000, why, archive)
    try:
        readers = asyncio.run(_skip(found, decided, undo=undo))
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
    if undo:
        terminal.say(f"{topic}/{partition}/{offset} is no longer set aside")
    else:
        terminal.say(f"{topic}/{partition}/{offset} is set aside; {' and '.join(readers)} skip it when they next take the partition up")


async def _skip(found: Settings, decided: Skip, *, undo: bool) -> list[str]:
    """Publishes the decision; returns the groups that it concerns."""
    import msgspec

    from shared import skips
    from shared.bus import Producer, admin
    from shared.topics import SKIPS

    readers = [] if undo else await _readers(found, decided)
    ids = {} if undo else await admin.topic_ids(found.kafka)
    decided = msgspec.structs.replace(decided, topic_id=ids.get(decided.topic, ""))
    async with Producer(found.kafka, client_id="tickplant") as producer:
        producer.add(SKIPS, *skips.record(decided, undo=undo))
        await producer.flush()
    return readers


async def _readers(found: Settings, decided: Skip) -> list[str]:
    """The groups that have still to read the record; raises `typer.Exit` where it cannot be skipped."""
    from shared.topics import READERS, TOPICS

    topic = next((topic for topic in TOPICS if topic.name == decided.topic), None)
    if topic is None:
        raise terminal.fail(f"{decided.topic!r} is none of {', '.join(READERS)}")
    groups = [*READERS.get(topic.name, ()), *([ARCHIVE] if decided.archive else [])]
    if not groups:
        raise terminal.fail(f"no service that could fail at a record reads {topic.name}; these are read: {', '.join(READERS)}")
    record = await _record(found, topic, decided)
    if refused := _refused(record):
        raise terminal.fail(f"{topic.name}/{decided.partition}/{decided.offset} cannot be skipped: {refused}")
    waiting = [group for group in groups if await _next(found, group, topic, decided.partition) <= decided.offset]
    if not waiting:
        raise terminal.fail(f"{topic.name}/{decided.partition}/{decided.offset} has been read by {' and '.join(groups)} already")
    return waiting


async def _record(found: Settings, topic: Topic, decided: Skip) -> Record:
    from shared.bus import Log

    partition, offset = decided.partition, decided.offset
    if partition >= topic.partitions:
        raise terminal.fail(f"{topic.name} has the partitions 0 to {topic.partitions - 1}")
    async with Log(found.kafka) as log:
        first, end = (await log.ranges(topic, [partition]))[partition]
        if first <= offset < end:
            async for records in log.read(topic, partition, offset, offset + 1):
                return records[0]
    raise terminal.fail(f"{topic.name}/{partition} has no record at {offset}; its log is [{first}, {end})")


def _refused(record: Record) -> str | None:
    """Why a record cannot be set aside; None where it can."""
    from shared.records import control_kind

    if control_kind(record.headers) == "marker":
        return "it is a run's marker, without which the run never ends"
    return "it holds counts of the ledger" if record.key == b"tally" else None


async def _next(found: Settings, group: str, topic: Topic, partition: int) -> int:
    from shared.bus import admin
    from shared.errors import Unavailable

    for attempt in range(ATTEMPTS):
        try:
            committed = await admin.committed(found.kafka, group, [topic])
            break
        except Unavailable:  # a cluster that has just started has no coordinator for a while
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.5)
    return committed.get((topic.name, partition), (0, ""))[0]
