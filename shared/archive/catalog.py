"""What the archive has of a topic: its objects by partition with their metadata, and the records of a chain in order."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

from shared.archive import layout, parquet
from shared.archive.layout import Named, Span
from shared.archive.store import Missing, Object, Store
from shared.errors import Unavailable
from shared.records import Stored
from shared.topics import Tier

HEADS = 16


class Entry(NamedTuple):
    """An object with what its name and metadata say."""

    key: str
    size: int
    modified: int  # us
    named: Named
    span: Span


async def clusters(store: Store) -> list[str]:
    """The clusters that have an archive."""
    tiers = {"bronze", "silver", "gold"}
    return [name for name in await store.folders() if tiers & set(await store.folders(f"{name}/"))]


async def chains(store: Store, cluster: str, tier: Tier, topic: str) -> dict[int, list[Entry]]:
    """The objects of a topic by partition, in the order of their offsets; raises `Unavailable`, also for one without metadata."""
    return grouped([entry async for entry in entries(store, layout.folder(cluster, tier, topic))])


async def entries(store: Store, prefix: str) -> AsyncIterator[Entry]:
    """The archive's objects under the prefix, in the order of their names; others are passed over."""
    async for page in store.pages(prefix):
        listed = [(found, named) for found in page if (named := layout.named(found.key))]
        for at in range(0, len(listed), HEADS):
            for entry in await asyncio.gather(*(_entry(store, found, named) for found, named in listed[at : at + HEADS])):
                if entry is not None:
                    yield entry


async def _entry(store: Store, found: Object, named: Named) -> Entry | None:
    try:
        _, metadata = await store.head(found.key)
    except Missing:
        return None  # removed since it was listed
    span = layout.span(metadata)
    if span is None:
        raise Unavailable(f"S3: {found.key} has no metadata of the archive")
    return Entry(found.key, found.size, found.modified, named, span)


def grouped(found: Iterable[Entry]) -> dict[int, list[Entry]]:
    """By partition, in the order of their offsets."""
    by_partition: dict[int, list[Entry]] = {}
    for entry in sorted(found, key=lambda entry: entry.span.first):
        by_partition.setdefault(entry.named.place.partition, []).append(entry)
    return dict(sorted(by_partition.items()))


async def records(store: Store, chain: Sequence[Entry]) -> AsyncIterator[list[Stored]]:
    """The records of a chain, some thousands at a time; one object of it is held."""
    for entry in chain:
        groups = parquet.read(await store.get(entry.key))
        while (rows := await asyncio.to_thread(next, groups, None)) is not None:
            yield rows
