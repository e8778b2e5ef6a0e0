"""Where stored ticks came from: their raw records, gathered by what each record is.

Invariant: every tick is counted in exactly one group; a record that the log holds no more is a group of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.records import Record
    from shared.settings import Settings

COLUMNS = ("first place", "records", "ticks", "received", "until", "what")
GONE = "not in the log any more: see the archive"
Place = tuple[int, int]  # raw partition, offset


@dataclass
class Group:
    """Records of one kind, and the ticks that they gave."""

    ticks: int = 0
    records: dict[Place, Record | None] = field(default_factory=dict)

    def first(self) -> tuple[Place, Record | None]:
        """The record with the least place."""
        return min(self.records.items(), key=lambda entry: entry[0])


def place_of(tick: Mapping[str, Any]) -> Place:
    """The raw record of a tick's origin, `epoch/partition/offset/index`."""
    _, partition, offset, _ = str(tick["origin"]).split("/")
    return int(partition), int(offset)


def gathered(ticks: Iterable[Mapping[str, Any]], records: Mapping[Place, Record]) -> dict[str, Group]:
    """Groups by what their records are, in the order of their first places."""
    groups: dict[str, Group] = {}
    for tick in ticks:
        place = place_of(tick)
        record = records.get(place)
        group = groups.setdefault(what(record), Group())
        group.ticks += 1
        group.records[place] = record
    return dict(sorted(groups.items(), key=lambda entry: entry[1].first()[0]))


def what(record: Record | None) -> str:
    """A frame of a stream, a page or answer with its address, or rows of a run."""
    from shared.records import RUN_HEADER, Row, header

    if record is None:
        return GONE
    if url := header(record.headers, "url"):
        return f"answer of {url.decode('utf-8', 'replace')}"
    row = Row.parse(header(record.headers, RUN_HEADER) or b"")
    return f"rows of run {row.run}" if row else "frames of the stream"


def cells(name: str, group: Group) -> Sequence[str]:
    """A group as a line under `COLUMNS`."""
    from shared.time import to_iso

    stamps = [record.timestamp * 1000 for record in group.records.values() if record is not None]
    times = (to_iso(min(stamps)), to_iso(max(stamps))) if stamps else ("", "")
    (partition, offset), _ = group.first()
    return f"{partition}:{offset}", str(len(group.records)), str(group.ticks), *times, name


async def read(found: Settings, wanted: set[Place]) -> dict[Place, Record]:
    """Those of the raw records that the log still holds; raises `Unavailable`."""
    from shared.bus import Log
    from shared.topics import MARKET_RAW

    held: dict[Place, Record] = {}
    async with Log(found.kafka) as log:
        for partition, (first, end) in (await log.ranges(MARKET_RAW)).items():
            offsets = [offset for place, offset in wanted if place == partition and first <= offset < end]
            if offsets:
                async for records in log.read(MARKET_RAW, partition, min(offsets), max(offsets) + 1):
                    held |= {(partition, record.offset): record for record in records if (partition, record.offset) in wanted}
    return held
