"""`tickplant archive list|head|get|put|export`: the objects of the archive.

Invariant: nothing of the archive is ever overwritten or removed here; `put` brings back an object that was lost, and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli import runs, table, terminal

if TYPE_CHECKING:
    from shared.archive.catalog import Entry
    from shared.settings import Settings

Key = Annotated[str, typer.Argument(help="The object's key, as `archive list` shows it.")]


def register(app: typer.Typer) -> None:
    """Adds the group `archive`."""
    group = typer.Typer(help="The archive in S3.", no_args_is_help=True)
    group.command("list")(list_)
    group.command()(head)
    group.command()(get)
    group.command()(put)
    group.command()(export)
    app.add_typer(group, name="archive")


def list_(
    prefix: Annotated[str, typer.Argument(help="Objects whose keys begin so: cluster/tier/topic/dt=…")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
) -> None:
    """List objects with their offsets and records."""
    found = _run(runs.settings(), _list, prefix, limit)
    lines = table.lines(("offsets", "records", "bytes", "key"), *map(_cells, found))
    for line in lines:
        terminal.say(line)
    terminal.say(f"{len(found)} objects, {sum(entry.span.records for entry in found):,} records")


def head(key: Key) -> None:
    """Show what an object's metadata say."""
    for name, value in _run(runs.settings(), _head, key).items():
        terminal.say(f"{name + ':':<12} {value}")


def get(key: Key, to: Annotated[Path | None, typer.Option(help="A file; standard output by default.")] = None) -> None:
    """Fetch an object, and check that it is what was stored."""
    metadata, body = _run(runs.settings(), _get, key)
    if "sha256" in metadata and hashlib.sha256(body).hexdigest() != metadata["sha256"]:
        raise terminal.fail(f"{key} is not what was stored: its sha256 differs")
    if to is None:
        sys.stdout.buffer.write(body)
    else:
        to.write_bytes(body)


def put(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An object as `get` fetched it.")], key: Key) -> None:
    """Bring back an object that is missing; what is there is left alone."""
    from shared.archive import layout, parquet

    body, named = file.read_bytes(), layout.named(key)
    if named is None:
        raise terminal.fail(f"{key} is no key of the archive")
    try:
        span = parquet.span(body, named.first)
    except (ValueError, OSError) as fault:
        raise terminal.fail(f"{file} is no object of the archive: {fault}") from None
    if not _run(runs.settings(), _put, key, body, span.metadata()):
        raise terminal.fail(f"{key} is there already: objects are never overwritten")
    terminal.say(f"{key}: offsets [{span.first}, {span.end}), {span.records:,} records")


def export(
    topic: Annotated[str, typer.Argument(help="A topic, like market.raw.v1.")],
    to: Annotated[Path, typer.Argument(help="The file of CSV to write.")],
    since: Annotated[str, typer.Option(help="Only records stamped at or after, like 2026-01-05T14:30:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Only records stamped before.")] = "",
    cluster: Annotated[str, typer.Option(help="Whose archive, where it has several.")] = "",
) -> None:
    """Write a topic's records as CSV, from which `replay --from csv` brings them back byte for byte."""
    from services.cli import lines
    from services.cli.commands import replay
    from services.cli.feeds import Hole

    found, topics = runs.settings(), replay.topics_of([topic])
    span = replay.ms(since, "--since"), replay.ms(until, "--until")

    async def write(store: Any) -> int:
        feeds = await replay.archived_feeds(store, found.kafka, cluster, topics, span)
        unfinished = to.with_name(f".{to.name}.part")
        with unfinished.open("w", encoding="utf-8", newline="") as out:
            count = await lines.export(feeds, *span, out)
        unfinished.replace(to)
        return count

    try:
        terminal.say(f"{to}: {_run(found, write):,} records")
    except Hole as fault:
        raise terminal.fail(str(fault)) from None
    except OSError as fault:
        raise terminal.fail(f"{to}: {fault.strerror}") from None


def _run(found: Settings, ask: Any, *arguments: Any) -> Any:
    from shared.archive.store import Missing, Store
    from shared.errors import Unavailable

    async def go() -> Any:
        async with Store(found.s3) as store:
            return await ask(store, *arguments)

    work: Coroutine[Any, Any, Any] = go()
    try:
        return asyncio.run(work)
    except Missing as fault:
        raise terminal.fail(f"there is no object {fault}") from None
    except Unavailable as fault:
        raise terminal.fail(f"{fault}; {runs.START}") from None


async def _list(store: Any, prefix: str, limit: int) -> list[Entry]:
    from shared.archive import catalog

    found: list[Entry] = []
    async for entry in catalog.entries(store, prefix):
        found.append(entry)
        if len(found) == limit:
            break
    return found


async def _head(store: Any, key: str) -> dict[str, str]:
    listed, metadata = await store.head(key)
    return {"size": str(listed.size), **metadata}


async def _get(store: Any, key: str) -> tuple[dict[str, str], bytes]:
    _, metadata = await store.head(key)
    return metadata, await store.get(key)


async def _put(store: Any, key: str, body: bytes, metadata: dict[str, str]) -> bool:
    made: bool = await store.create(key, body, metadata)
    return made


def _cells(entry: Entry) -> tuple[str, ...]:
    return f"[{entry.span.first}, {entry.span.end})", f"{entry.span.records:,}", f"{entry.size:,}", entry.key
