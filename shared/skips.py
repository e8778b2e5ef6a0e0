"""Records that an operator has set aside: `pipeline.skips.v1` says which, whoever reads their partition rejects them. Pure.

Invariant: a batch is split at a skipped record without looking at any other, and not at all where a partition has no skips.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from shared.events import Skip
from shared.frames import FAULTS
from shared.records import Record, cloud_event
from shared.storable import storable
from shared.topics import SKIPS

REASON = "skipped"
Skips = Mapping[int, Skip]  # by offset
_decode = msgspec.json.Decoder(Skip).decode


class Outgoing(NamedTuple):
    """A Skip as a record to publish; without a value it is taken back."""

    partition: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


def record(skip: Skip, *, undo: bool = False) -> Outgoing:
    """The decision, in the partition it is about."""
    key = f"{skip.topic}|{skip.partition}|{skip.offset}"
    said = msgspec.structs.replace(skip, why=storable(skip.why))
    headers = cloud_event("skip", source="tickplant", subject=key, event_id=f"{key}|{skip.at}", time_us=skip.at)
    return Outgoing(skip.partition % SKIPS.partitions, key.encode(), None if undo else msgspec.json.encode(said), headers)


def latest(records: Iterable[Record]) -> dict[bytes, Skip]:
    """What holds of all the records of a partition of pipeline.skips.v1, by key."""
    found: dict[bytes, Skip] = {}
    for each in records:
        try:
            found[each.key or b""] = _decode(each.value or b"")
        except FAULTS:
            found.pop(each.key or b"", None)
    return found


def of(found: Iterable[Skip], topic: str, topic_id: str, partition: int, start: int) -> dict[int, Skip]:
    """The skips of one partition from an offset on; one of a topic of that name that was deleted is about another record."""
    mine = [
        skip for skip in found if (skip.topic, skip.partition) == (topic, partition) and skip.topic_id in ("", topic_id or skip.topic_id)
    ]
    return {skip.offset: skip for skip in mine if skip.offset >= start}


def split(records: Sequence[Record], skips: Skips) -> Iterator[tuple[Sequence[Record], Record | None]]:
    """Runs of records that are not skipped, each with the skipped record behind it; None at the end."""
    at = 0
    for index, each in enumerate(records):
        if each.offset in skips:
            yield records[at:index], each
            at = index + 1
    yield records[at:], None
