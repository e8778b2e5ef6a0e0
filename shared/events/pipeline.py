"""What the platform says of its own work: markers and tallies, connections, gaps and leases, runs."""

from typing import Any, Literal

import msgspec

from shared.events.market import Kind
from shared.events.origin import NOWHERE, Origin


class Marker(msgspec.Struct, frozen=True, tag_field="kind", tag="marker", omit_defaults=True):
    """The end of a run in one raw partition, copied to every partition of the derived topics."""

    run: str
    topic: str  # the raw topic
    partitions: list[int]  # every raw partition the run used
    status: Literal["finished", "aborted"]
    source: str = ""
    sent: int = 0  # rows the fetcher published, in all
    message: str = ""
    origin: Origin = NOWHERE
    rejected: int = 0  # rows the fetcher dead-lettered itself, in all; not among `sent`


class Count(msgspec.Struct, frozen=True, array_like=True):
    """What one source, run and hour of receive time had in a block of raw offsets."""

    source: str
    run: str
    hour: int  # us
    received: int
    rejected: int
    ignored: int  # control frames and message types the platform does not take


class Tally(msgspec.Struct, frozen=True, tag_field="kind", tag="tally", omit_defaults=True):
    """Counts over raw offsets [block * 4096, upto); a greater `upto` of the same block replaces it. `lost` is a hole in the log."""

    topic: str
    partition: int
    epoch: int
    block: int
    upto: int
    counts: list[Count]
    lost: tuple[int, int] | None = None


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True):
    """Connected, and everything received before this record is acknowledged. Older epochs than the newest seen are ignored."""

    source: str
    epoch: int
    received: int = 0
    acknowledged: int = 0


class Closed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The owner stops the source for good."""

    source: str
    epoch: int


class Connection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A connect, a disconnect or a gap of a source, as its owner saw it."""

    source: str
    epoch: int
    state: Literal["connected", "disconnected", "gap"]
    reason: str = ""
    lost: int = 0


class Gap(msgspec.Struct, frozen=True, omit_defaults=True):
    """Receive times in [start, end) us during which a source may have said what was not kept."""

    start: int
    end: int
    reason: str


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
    epoch: int
    state: Literal["connected", "disconnected", "left", "closed"]
    at: int  # us
    received: int = 0
    acknowledged: int = 0
    connects: int = 0
    reason: str = ""
    gap: Gap | None = None
    begun_at: int = 0  # us, when the first owner's first connection was up
    progress: dict[str, Progress] = {}


class Hole(msgspec.Struct, frozen=True, tag_field="type", tag="hole", omit_defaults=True):
    """What a source said, or may have said, and was not received; of two with one key the later record holds.

    With trade ids it is [first, last] of a symbol; without (0), all of the kind between two times, of every symbol where that is empty.
    """

    source: str
    symbol: str
    kind: Kind
    start: int  # us
    end: int  # us
    state: Literal["open", "repaired", "lost"]
    reason: str
    found_at: int  # us
    first: int = 0
    last: int = 0
    ended_at: int = 0  # us; 0 while it is open
    requests: int = 0
    message: str = ""


class SourceWanted(msgspec.Struct, frozen=True, tag_field="type", tag="wanted", omit_defaults=True):
    """A source as it was last asked for at run time; it holds over the settings. Null: the source is not to run."""

    source: str
    at: int  # us
    settings: dict[str, Any] | None = None


RunKind = Literal["prices", "frames", "events", "orders", "replay", "snapshot", "daily", "backfill"]
RunStatus = Literal["requested", "running", "published", "finished", "failed"]


class Run(msgspec.Struct, frozen=True, tag_field="type", tag="run", omit_defaults=True):
    """A fetch, an ingest or a replay: the whole request, its progress and its result."""

    run_id: str
    run_kind: RunKind
    status: RunStatus
    source: str
    requested_at: int  # us
    updated_at: int  # us
    request: dict[str, Any] = {}
    sent: int = 0
    bytes_read: int = 0
    bytes_total: int = 0
    attempts: int = 0
    message: str = ""
    result: dict[str, Any] = {}
    checkpoint: dict[str, Any] = {}  # where a successor goes on
