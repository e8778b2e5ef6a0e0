"""What a transform wants published: values only, the runner sends them."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from shared.errors import Rejected
from shared.events import Candle, GivenUp, Marker, Origin, Tally, Tick
from shared.partitioning import partition
from shared.records import Record, control_kind
from shared.time import to_iso
from shared.topics import CANDLES, DEAD_LETTERS, TICKS, Topic

encode = msgspec.json.Encoder(decimal_format="string").encode


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to publish."""

    topic: Topic
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int | None = None  # now, where none is given


def tick(event: Tick) -> Output:
    """A tick, keyed by its symbol."""
    return Output(TICKS, *place(event.symbol), encode(event))


@lru_cache(maxsize=65536)
def place(symbol: str) -> tuple[int, bytes]:
    """The partition and key of a symbol's ticks."""
    key = symbol.encode()
    return partition(key, TICKS.partitions), key


def candle(event: Candle | GivenUp) -> Output:
    """A live window's state, keyed by its whole identity and partitioned by symbol."""
    key = f"{event.source}|{event.symbol}|{event.kind}|{event.interval}|{event.start}".encode()
    return Output(CANDLES, partition(event.symbol.encode(), CANDLES.partitions), key, encode(event))


def tally(event: Tally) -> Output:
    """Counts of a block, in the partition numbered as the raw one."""
    return Output(TICKS, event.partition % TICKS.partitions, b"tally", encode(event))


def markers(event: Marker) -> list[Output]:
    """A run's marker for every partition of every derived topic."""
    value = encode(event)
    return [Output(topic, p, event.run.encode(), value, _MARKER) for topic in (TICKS, DEAD_LETTERS) for p in range(topic.partitions)]


ADDED = frozenset({"error_reason", "error_message", "error_source", "received_at", "origin", "attempts"})
_MARKER = (("ce_type", b"tickplant.marker"),)


def dead_letter(record: Record, fault: Rejected, origin: Origin, source: str, received_at: int) -> Output:
    """The record's own bytes, key, headers and timestamp, with why it was rejected, in the partition numbered as the raw one.

    A control record's type is renamed: in the topic of dead letters it must not act as one. So are headers named as those added here:
    the first of a name is the one that is read.
    """
    taken = {*ADDED, "ce_type"} if control_kind(record.headers) is not None else ADDED
    headers = [
        *((f"rejected_{name}" if name in taken else name, value) for name, value in record.headers),
        ("error_reason", fault.reason.encode()),
        ("error_message", fault.message.encode()),
        ("error_source", source.encode()),
        ("received_at", to_iso(received_at).encode()),
        ("origin", str(origin).encode()),
        ("attempts", b"1"),
    ]
    return Output(DEAD_LETTERS, record.partition % DEAD_LETTERS.partitions, record.key, record.value, headers, record.timestamp)
