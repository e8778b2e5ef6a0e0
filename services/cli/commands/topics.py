"""`tickplant topics`: the table of topics beside what the cluster has; `tickplant topics create` makes what is missing,
`repair` gives what is there its settings again.

Invariant: looking changes nothing. Exit code 1 when the cluster differs from the table.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from services.cli import runs, table, terminal

if TYPE_CHECKING:
    from shared.settings import Settings
    from shared.topics import Topic

Found = dict[str, tuple[int, dict[str, str]]]


def register(app: typer.Typer) -> None:
    """Adds the group `topics`."""
    group = typer.Typer(help="The topics of the platform.", invoke_without_command=True)
    group.callback()(topics)
    group.command()(create)
    group.command()(repair)
    app.add_typer(group, name="topics")


def topics(context: typer.Context) -> None:
    """Show the topics: partitions, retention, records, and where the cluster differs from the table."""
    if context.invoked_subcommand is not None:
        return
    from shared.errors import Unavailable
    from shared.topics import TOPICS, differences

    found = runs.settings()
    try:
        cluster, records = asyncio.run(_survey(found))
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
    _print(cluster, records)
    wrong = [line for topic in TOPICS if topic.name in cluster for line in differences(topic, *cluster[topic.name])]
    wrong += [f"{topic.name}: not in the cluster; make it with: tickplant topics create" for topic in TOPICS if topic.name not in cluster]
    if wrong:
        raise terminal.fail("\n".join(wrong))


def create() -> None:
    """Create the topics that are missing."""
    from shared.bus import admin
    from shared.errors import Unavailable

    found = runs.settings()
    try:
        report = asyncio.run(admin.create_topics(found.kafka))
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
    terminal.say(f"{len(report.created)} created, {len(report.existing)} there already")
    for name in report.altered:
        terminal.say(f"{name} is compacted and no longer deleted")
    if report.mismatches:
        raise terminal.fail("\n".join(report.mismatches))


def repair() -> None:
    """Give topics that are there the settings of the table: retention, sizes, cleanup. The number of partitions stays."""
    from shared.bus import admin
    from shared.errors import Unavailable
    from shared.topics import TOPICS

    found = runs.settings()
    try:
        asyncio.run(admin.keep(found.kafka, TOPICS, forever=False))
    except Unavailable as fault:
        raise runs.unreachable(found, fault) from None
    terminal.say(f"{len(TOPICS)} topics have the settings of the table")


async def _survey(found: Settings) -> tuple[Found, dict[str, int]]:
    """What the cluster has of each topic, and how many offsets each holds."""
    from shared.bus import Log, admin
    from shared.topics import TOPICS

    cluster = await admin.describe_topics(found.kafka)
    records: dict[str, int] = {}
    async with Log(found.kafka) as log:
        for topic in TOPICS:
            if topic.name in cluster:
                ranges = await log.ranges(topic, range(cluster[topic.name][0]))
                records[topic.name] = sum(end - first for first, end in ranges.values())
    return cluster, records


def _print(cluster: Found, records: dict[str, int]) -> None:
    from shared.topics import TOPICS

    header = ("topic", "partitions", "records", "cleanup", "days", "MiB/partition", "cluster", "key")
    for line in table.lines(header, *(_cells(topic, cluster, records) for topic in TOPICS)):
        terminal.say(line)


def _cells(topic: Topic, cluster: Found, records: dict[str, int]) -> tuple[str, ...]:
    from shared.topics import differences

    limits = (str(topic.retention_days), str(topic.retention_mib)) if "delete" in topic.cleanup else ("", "")
    if topic.name not in cluster:
        return topic.name, str(topic.partitions), "", topic.cleanup, *limits, "missing", topic.key
    state = "differs" if any(differences(topic, *cluster[topic.name])) else "ok"
    return topic.name, str(topic.partitions), f"{records[topic.name]:,}", topic.cleanup, *limits, state, topic.key
