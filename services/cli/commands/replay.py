"""`tickplant replay`: records of the archive, of a topic or of a CSV, byte for byte into empty or prefixed topics.

Invariant: nothing is written to a topic that has records, and the archive is only read.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.cli import runs, terminal

if TYPE_CHECKING:
    from services.cli.feeds import Feed
    from shared.archive.store import Store
    from shared.settings import Kafka, Settings
    from shared.topics import Topic

SETTLED = 3  # times in a row that nobody was behind
TELL_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(replay)


def replay(
    source: Annotated[
        Literal["s3", "topic", "csv"],
        typer.Option("--from", help="The archive, the topics of this cluster, or a file that `archive export` wrote."),
    ] = "s3",
    file: Annotated[Path | None, typer.Option(help="The file of --from csv.", exists=True, dir_okay=False)] = None,
    topic: Annotated[list[str] | None, typer.Option(help="Repeatable; by default all that a recovery needs, or all of the file.")] = None,
    since: Annotated[str, typer.Option(help="Only records stamped at or after, like 2026-01-05T14:30:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Only records stamped before.")] = "",
    speed: Annotated[float, typer.Option(min=0, help="Times the pace at which they came; 0: as fast as can be.")] = 0,
    into: Annotated[str, typer.Option(help="A prefix for the topics, like again. (with its dot).")] = "",
    cluster: Annotated[str, typer.Option(help="Whose archive, where it has several.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until the platform has read it all; then records expire again.")] = True,
) -> None:
    """Replay the archive: with no --topic, what rebuilds an empty Kafka and an empty Postgres."""
    import uvloop

    from services.cli.feeds import Hole
    from services.cli.lines import Unreadable
    from services.cli.replay import NotEmpty
    from shared import collector
    from shared.errors import Unavailable

    if source == "topic" and not into:
        raise terminal.fail("--from topic needs --into PREFIX: a topic cannot be replayed into itself")
    if (source == "csv") != (file is not None):
        raise terminal.fail("--from csv needs --file, and nothing else takes one")
    found = runs.settings()
    span = ms(since, "--since"), ms(until, "--until")
    try:
        collector.relax()
        uvloop.run(_replay(found, file or source, topics_of(topic), span, speed, into, cluster, wait))
    except (NotEmpty, Hole) as fault:
        raise terminal.fail(str(fault)) from None
    except Unreadable as fault:
        raise terminal.fail(f"{file}: {fault}") from None
    except Unavailable as fault:
        raise terminal.fail(f"{fault}; {runs.START}") from None


async def _replay(
    found: Settings,
    source: str | Path,
    topics: list[Topic],
    span: tuple[int | None, int | None],
    speed: float,
    into: str,
    cluster: str,
    wait: bool,
) -> None:
    from services.cli import lines
    from services.cli import replay as replaying
    from services.cli.feeds import by_topic, logged, recovered
    from shared.archive.store import Store
    from shared.bus import admin
    from shared.topics import TOPICS

    target = found.kafka.model_copy(update={"topic_prefix": into + found.kafka.topic_prefix})
    async with AsyncExitStack() as stack:
        if isinstance(source, Path):
            feeds = lines.feeds(source, topics)
        elif source == "topic":
            feeds = [feed for one in topics or _recovery() for feed in await logged(found.kafka, one)]
        else:
            store = await stack.enter_async_context(Store(found.s3))
            feeds = await archived_feeds(store, found.kafka, cluster, topics or _recovery(), span)
        if not topics and not isinstance(source, Path):
            feeds = [recovered(feed) for feed in feeds]
        if not feeds:
            raise terminal.fail("there is nothing to replay")
        for name, count in by_topic(feeds).items():
            terminal.say(f"{name}: {count:,} records")
        await replaying.prepare(target, list(dict.fromkeys(feed.topic for feed in feeds)))
        began = time.monotonic()
        sent = await replaying.publish(target, feeds, *span, speed, _teller())
    seconds = max(time.monotonic() - began, 0.001)
    terminal.say(f"{sent.total():,} records replayed in {seconds:.1f} s ({sent.total() / seconds:,.0f}/s)")
    if not wait:
        terminal.say("records do not expire there now; when they are read: tickplant topics repair")
        return
    await _settled(target)
    await admin.keep(target, TOPICS, forever=False)
    terminal.say("read by the platform; records expire again")


async def archived_feeds(store: Store, kafka: Kafka, cluster: str, topics: list[Topic], span: tuple[int | None, int | None]) -> list[Feed]:
    """What the archive of that cluster, or the only one, has of the topics; raises `Hole`."""
    from services.cli.feeds import archived

    whose = cluster or await _only(store, kafka)
    return [feed for one in topics for feed in await archived(store, whose, kafka.topic_prefix, one, *span)]


async def _only(store: Store, kafka: Kafka) -> str:
    """The one cluster that has an archive, this one apart where there is another."""
    from shared.archive import catalog
    from shared.bus.admin import cluster_id

    found = await catalog.clusters(store)
    mine = await cluster_id(kafka)
    chosen = [name for name in found if name != mine] or found
    if len(chosen) != 1:
        raise terminal.fail(f"name one with --cluster: {', '.join(chosen)}" if chosen else "the archive is empty")
    return chosen[0]


async def _settled(target: Kafka) -> None:
    from services.cli.replay import behind

    calm, told = 0, 0.0
    while calm < SETTLED:
        left = await behind(target)
        calm = calm + 1 if left == 0 else 0
        if left and time.monotonic() - told > TELL_SECONDS:
            terminal.say(f"{left:,} records are still to be read")
            told = time.monotonic()
        await asyncio.sleep(0.5)


def _teller() -> Callable[[Counter[str]], None]:
    last = time.monotonic()

    def tell(sent: Counter[str]) -> None:
        nonlocal last
        if time.monotonic() - last > TELL_SECONDS:
            last = time.monotonic()
            terminal.say(f"{sent.total():,} records")

    return tell


def _recovery() -> list[Topic]:
    """What everything else follows from."""
    from shared.topics import DEAD_LETTERS, MARKET_RAW, OPS_RAW, RUNS, SOURCES, TRADING_RAW

    return [RUNS, SOURCES, MARKET_RAW, TRADING_RAW, OPS_RAW, DEAD_LETTERS]


def topics_of(names: list[str] | None) -> list[Topic]:
    """The topics of these names; ends the command where there is none such."""
    from shared.topics import TOPICS

    known = {topic.name: topic for topic in TOPICS}
    if unknown := [name for name in names or [] if name not in known]:
        raise terminal.fail(f"there is no topic {', '.join(unknown)}; choose among {', '.join(known)}")
    return [known[name] for name in names or []]


def ms(text: str, option: str) -> int | None:
    """The time in ms; None where none is given; ends the command where it is none."""
    from shared.errors import Rejected
    from shared.time import from_iso

    if not text:
        return None
    try:
        return from_iso(text) // 1000
    except Rejected as fault:
        raise terminal.fail(f"{option}: {fault.message}") from None
