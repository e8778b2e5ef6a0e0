"""Where replayed records come from: the archive or a topic. A feed gives the records of one partition in the order of their offsets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shared.archive.store import Store
    from shared.events import Run
    from shared.records import Record
    from shared.settings import Kafka
    from shared.topics import Topic

Records = Callable[[], AsyncIterator[Sequence["Record"]]]


class Feed(NamedTuple):
    """The records of one partition; `size` is how many records there are."""

    topic: Topic
    partition: int
    size: int
    records: Records


class Hole(Exception):
    """The archive does not have what is to be replayed."""


async def archived(store: Store, cluster: str, prefix: str, topic: Topic, since: int | None, until: int | None) -> list[Feed]:
    """Feeds of a topic's chains, objects outside [since, until) ms left out; raises `Hole` where a chain is broken."""
    from functools import partial

    from shared.archive import catalog, chain

    feeds = []
    for partition, entries in (await catalog.chains(store, cluster, topic.tier, prefix + topic.name)).items():
        if holes := list(chain.faults([entry.span for entry in entries])):
            said = ", ".join(f"[{hole.first}, {hole.end}) {'twice' if hole.twice else 'not at all'}" for hole in holes)
            raise Hole(f"the archive has {topic.name}/{partition} {said}")
        wanted = [entry for entry in entries if _overlaps(entry.span.first_time, entry.span.last_time, since, until)]
        if wanted:
            count = sum(entry.span.records for entry in wanted)
            feeds.append(Feed(topic, partition, count, partial(catalog.records, store, wanted)))
    return feeds


async def logged(kafka: Kafka, topic: Topic) -> list[Feed]:
    """Feeds of a topic as the cluster has it now."""
    from functools import partial

    from shared.bus import Log

    async with Log(kafka) as log:
        ranges = await log.ranges(topic)
    return [
        Feed(topic, partition, end - first, partial(_read, kafka, topic, partition, first, end))
        for partition, (first, end) in ranges.items()
        if end > first
    ]


async def _read(kafka: Kafka, topic: Topic, partition: int, first: int, end: int) -> AsyncIterator[Sequence[Record]]:
    from shared.bus import Log

    async with Log(kafka) as log:
        async for records in log.read(topic, partition, first, end):
            yield records


def _overlaps(first: int, last: int, since: int | None, until: int | None) -> bool:
    return (since is None or last >= since) and (until is None or first < until)


def within(records: Sequence[Record], since: int | None, until: int | None) -> Sequence[Record]:
    """Those with timestamps in [since, until) ms."""
    if since is None and until is None:
        return records
    low, high = since or 0, until if until is not None else 2**63
    return [record for record in records if low <= record.timestamp < high]


def recovered(feed: Feed) -> Feed:
    """What of a pipeline topic a recovery needs: of runs the last word of the fetcher, of dead letters the fetcher's own.

    What the transformer and the writer published follows from the raw topics, and comes from them again.
    """
    from shared.topics import DEAD_LETTERS, RUNS

    if feed.topic is RUNS:
        return feed._replace(records=lambda: _newest_runs(feed))
    if feed.topic is DEAD_LETTERS:
        return feed._replace(records=lambda: _fetchers_letters(feed))
    return feed


async def _newest_runs(feed: Feed) -> AsyncIterator[Sequence[Record]]:
    from shared import runs

    best: dict[str, tuple[Run, Record]] = {}
    async for records in feed.records():
        for record in records:
            run = runs.read(record.value)
            if run is None:
                continue
            known = best.get(run.run_id)
            if known is None or _holds(run, known[0]):
                best[run.run_id] = run, record
    yield [record for _, record in best.values()]


def _holds(run: Run, known: Run) -> bool:
    """The writer says `finished` itself, once it has stored the run again."""
    from shared import runs

    if (run.status == "finished") != (known.status == "finished"):
        return known.status == "finished"
    return runs.newest(known, run) is run


async def _fetchers_letters(feed: Feed) -> AsyncIterator[Sequence[Record]]:
    from shared import dead_letters

    async for records in feed.records():
        letters = [(record, dead_letters.read(record)) for record in records]
        yield [record for record, letter in letters if letter is not None and letter.origin.startswith("fetcher/")]


def by_topic(feeds: Sequence[Feed]) -> Mapping[str, int]:
    """How many records there are of each topic."""
    counts: dict[str, int] = {}
    for feed in feeds:
        counts[feed.topic.name] = counts.get(feed.topic.name, 0) + feed.size
    return counts
