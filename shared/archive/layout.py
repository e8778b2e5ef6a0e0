"""Where an object of the archive lies, and what its metadata say. Pure.

    <cluster>/<tier>/<topic>/dt=YYYY-MM-DD/hour=HH/<topic>+<partition>+<first offset, 20 digits>.parquet

Invariant: an object covers the offsets [first, end) of one partition, holes of the log among them; day and hour are those of the first
record's timestamp as it was first read, and the topic is the cluster's, prefix included.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from shared.topics import TOPICS, Tier, Topic

_KEY = re.compile(
    r"(?P<cluster>[^/]+)/(?P<tier>bronze|silver|gold)/(?P<topic>[^/]+)/dt=(?P<day>\d{4}-\d\d-\d\d)/hour=(?P<hour>\d\d)/"
    r"(?P=topic)\+(?P<partition>\d{1,9})\+(?P<first>\d{20})\.parquet"
)


class Place(NamedTuple):
    """One partition's chain."""

    cluster: str
    tier: Tier
    topic: str  # the cluster's name of it
    partition: int

    @property
    def folder(self) -> str:
        """The prefix of every object of the topic."""
        return folder(self.cluster, self.tier, self.topic)

    def key(self, hour: str, first: int) -> str:
        """The name of the object that starts at `first`, in an hour like 2026-11-21T15."""
        day, _, of_day = hour.partition("T")
        return f"{self.folder}dt={day}/hour={of_day}/{self.topic}+{self.partition}+{first:020d}.parquet"


class Named(NamedTuple):
    """What a key says."""

    place: Place
    hour: str
    first: int


class Span(msgspec.Struct, frozen=True):
    """What an object holds; times in ms, `bytes` those of keys and values, `sha256` that of the whole object.

    `topic_id` is the id of the topic that the offsets are of; empty in objects of before.
    """

    first: int
    end: int
    records: int
    first_time: int
    last_time: int
    bytes: int
    sha256: str
    topic_id: str = ""

    def metadata(self) -> dict[str, str]:
        """As S3 keeps it beside the object."""
        return {name.replace("_", "-"): str(value) for name in self.__struct_fields__ if (value := getattr(self, name)) != ""}


def folder(cluster: str, tier: Tier, topic: str) -> str:
    """The prefix of every object of a topic."""
    return f"{cluster}/{tier}/{topic}/"


def place(cluster: str, prefix: str, topic: Topic, partition: int) -> Place:
    """The chain of a partition of a topic of the table, under the configured topic prefix."""
    return Place(cluster, topic.tier, prefix + topic.name, partition)


def hour_of(timestamp_ms: int) -> str:
    """The hour of a record's timestamp, like 2026-11-21T15; what has none is of 1970."""
    return datetime.fromtimestamp(max(timestamp_ms, 0) // 1000, UTC).strftime("%Y-%m-%dT%H")


def named(key: str) -> Named | None:
    """The inverse of `Place.key`; None for any other object."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    tier: Tier = found["tier"]  # type: ignore[assignment]
    place = Place(found["cluster"], tier, found["topic"], int(found["partition"]))
    return Named(place, f"{found['day']}T{found['hour']}", int(found["first"]))


def span(metadata: Mapping[str, str]) -> Span | None:
    """What an object's metadata say; None where they are not the archive's."""
    try:
        kept = {name: metadata[key] for name in Span.__struct_fields__ if (key := name.replace("_", "-")) in metadata}
        return msgspec.convert(kept, Span, strict=False)
    except msgspec.ValidationError:
        return None


TOPIC_OF = {topic.name: topic for topic in TOPICS}
