"""What the platform says of its own work: markers and tallies, connections, gaps and leases, runs.

Whatever such an event is made or decoded from, its texts are `storable`; a decoder refuses numbers that do not fit their columns.
"""

from typing import Any, Literal

import msgspec

from shared.events.market import Kind
from shared.events.origin import NOWHERE, Origin
from shared.storable import MESSAGE, NAME, Int32, Int64, Micros, keep_storable, storable_tree


class Marker(msgspec.Struct, frozen=True, tag_field="kind", tag="marker", omit_defaults=True):
    """The end of a run in one raw partition, copied to every partition of the derived topics."""

    run: str
    topic: str  # the raw topic
    partitions: list[Int32]  # every raw partition the run used
    status: Literal["finished", "aborted"]
    source: str = ""
    sent: Int64 = 0  # rows the fetcher published, in all
    message: str = ""
    origin: Origin = NOWHERE
    rejected: Int64 = 0  # rows the fetcher dead-lettered itself, in all; not among `sent`

    def __post_init__(self) -> None:
        keep_storable(self, "run", NAME)
        keep_storable(self, "source", NAME)
        keep_storable(self, "message")


class Count(msgspec.Struct, frozen=True, array_like=True):
    """What one source, run and hour of receive time had in a block of raw offsets."""

    source: str
    run: str
    hour: Micros  # us
    received: Int64
    rejected: Int64
    ignored: Int64  # control frames and message types the platform does not take

    def __post_init__(self) -> None:
        keep_storable(self, "source", 2 * NAME)  # as long as a service's name
        keep_storable(self, "run", NAME)


class Tally(msgspec.Struct, frozen=True, tag_field="kind", tag="tally", omit_defaults=True):
    """Counts over raw offsets [block * 4096, upto); a greater `upto` of the same block replaces it. `lost` is a hole in the log."""

    topic: str
    partition: Int32
    epoch: Int64
    block: Int64
    upto: Int64
    counts: list[Count]
    lost: tuple[Int64, Int64] | None = None


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True):
    """Connected, and everything received before this record is acknowledged. Older epochs than the newest seen are ignored."""

    source: str
    epoch: Int64
    received: Int64 = 0
    acknowledged: Int64 = 0


class Closed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The owner stops the source for good."""

    source: str
    epoch: Int64


class Connection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A connect, a disconnect or a gap of a source, as its owner saw it."""

    source: str
    epoch: Int64
    state: Literal["connected", "disconnected", "gap"]
    reason: str = ""
    lost: Int64 = 0


class Gap(msgspec.Struct, frozen=True, omit_defaults=True):
    """Receive times in [start, end) us during which a source may have said what was not kept."""

    start: Micros
    end: Micros
    reason: str

    def __post_init__(self) -> None:
        keep_storable(self, "reason")


class Missing(msgspec.Struct, frozen=True, array_like=True):
    """Trade ids [first, last] of a symbol that have not been received; `left` are those still wanted."""

    first: int
    last: int
    start: int  # us, event time of the trade before
    end: int  # us, event time of the trade behind
    found_at: int  # us
    reason: str
    left: tuple[tuple[int, int], ...]
    after: int  # us; what is left was not executed before
    told: bool = False  # on the ledger


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """How far the trade ids of a symbol are known: up to `last`, executed at `at` us, but for what is missing."""

    last: int
    at: int
    missing: tuple[Missing, ...] = ()


class SourceState(msgspec.Struct, frozen=True, tag_field="type", tag="source", omit_defaults=True):
    """What a source's owner knows of it. `at`: everything received until then is acknowledged. `gap`: the one that has just ended.

    `progress` is the checkpoint, by native symbol: everything it counts as received is acknowledged. `left` is the state of a source that
    goes on elsewhere.
    """

    source: str
    provider: str
    epoch: Int64
    state: Literal["connected", "disconnected", "failed", "left", "closed"]
    at: Micros  # us
    received: Int64 = 0
    acknowledged: Int64 = 0
    connects: Int64 = 0
    reason: str = ""
    gap: Gap | None = None
    begun_at: Micros = 0  # us, when the first owner's first connection was up
    progress: dict[str, Progress] = {}
    problems: dict[str, str] = {}  # by symbol, in the venue's words

    def __post_init__(self) -> None:
        keep_storable(self, "source", NAME)
        keep_storable(self, "provider", NAME)
        keep_storable(self, "reason")
        if self.problems:
            msgspec.structs.force_setattr(self, "problems", storable_tree(self.problems, MESSAGE))


class Hole(msgspec.Struct, frozen=True, tag_field="type", tag="hole", omit_defaults=True):
    """What a source said, or may have said, and was not received; of two with one key the later record holds.

    With trade ids it is [first, last] of a symbol; without (0), all of the kind between two times, of every symbol where that is empty.
    """

    source: str
    symbol: str
    kind: Kind
    start: Micros  # us
    end: Micros  # us
    state: Literal["open", "repaired", "lost"]
    reason: str
    found_at: Micros  # us
    first: Int64 = 0
    last: Int64 = 0
    ended_at: Micros = 0  # us; 0 while it is open
    requests: Int32 = 0
    message: str = ""

    def __post_init__(self) -> None:
        for name in ("source", "symbol"):
            keep_storable(self, name, NAME)
        for name in ("reason", "message"):
            keep_storable(self, name)


class SourceWanted(msgspec.Struct, frozen=True, tag_field="type", tag="wanted", omit_defaults=True):
    """A source as it was last asked for at run time; it holds over the settings. Null: the source is not to run."""

    source: str
    at: Micros  # us
    settings: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        keep_storable(self, "source", NAME)


class Cancel(msgspec.Struct, frozen=True, tag_field="type", tag="cancel"):
    """An operator's request to end a run, keyed `run_id|cancel` in the run's partition; the owner of the partition carries it out."""

    run_id: str
    at: int  # us
    why: str


class Skip(msgspec.Struct, frozen=True, tag_field="type", tag="skip"):
    """An operator's decision to set one record aside: whoever reads the partition rejects the record as `skipped`."""

    topic: str
    partition: int
    offset: int
    at: int  # us
    why: str
    archive: bool = False  # the archive leaves it out too
    topic_id: str = ""  # of the topic whose record it is; empty: not known


RunKind = Literal["prices", "frames", "events", "orders", "replay", "snapshot", "daily", "backfill"]
RunStatus = Literal["requested", "running", "published", "finished", "failed"]


class Run(msgspec.Struct, frozen=True, tag_field="type", tag="run", omit_defaults=True):
    """A fetch, an ingest or a replay: the whole request, its progress and its result."""

    run_id: str
    run_kind: RunKind
    status: RunStatus
    source: str
    requested_at: Micros  # us
    updated_at: Micros  # us
    request: dict[str, Any] = {}
    sent: Int64 = 0
    bytes_read: Int64 = 0
    bytes_total: Int64 = 0
    attempts: Int32 = 0
    message: str = ""
    result: dict[str, Any] = {}
    checkpoint: dict[str, Any] = {}  # where a successor goes on

    def __post_init__(self) -> None:
        for name in ("run_id", "source"):
            keep_storable(self, name, NAME)
        keep_storable(self, "message", 2000)
        for name in ("request", "result", "checkpoint"):
            msgspec.structs.force_setattr(self, name, storable_tree(getattr(self, name)))
