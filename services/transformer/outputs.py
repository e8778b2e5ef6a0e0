"""What a transform wants published: values only, the runner sends them."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from shared.dead_letters import ADDED
from shared.events import (
    Candle,
    Execution,
    Fact,
    Flag,
    GivenUp,
    Marker,
    MinuteGivenUp,
    Nbbo,
    Order,
    Origin,
    ServiceEvent,
    ServiceMinute,
    Tally,
)
from shared.partitioning import partition
from shared.records import Record, control_kind
from shared.refusals import Refusals, own
from shared.time import EARLIEST, LATEST, to_iso
from shared.topics import CANDLES, DEAD_LETTERS, EVENTS_OF, FLAGS, MINUTES, OPS_EVENTS, TICKS, TRADING_EVENTS, Topic, derived

encode = msgspec.json.Encoder(decimal_format="string").encode


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to publish; or `many`, as keys and values, in their order: what rows that are taken together give."""

    topic: Topic
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int | None = None  # now, where none is given
    many: Sequence[tuple[bytes, bytes]] = ()


def tick(event: Fact) -> Output:
    """A tick or a market info, keyed by its symbol."""
    return Output(TICKS, *place(event.symbol), encode(event))


@lru_cache(maxsize=65536)
def place(symbol: str) -> tuple[int, bytes]:
    """The partition and key of a symbol's ticks, or of a service's events."""
    key = symbol.encode()
    return partition(key, TICKS.partitions), key


def candle(event: Candle | GivenUp) -> Output:
    """A live window's state, keyed by its whole identity and partitioned by symbol."""
    key = f"{event.source}|{event.symbol}|{event.kind}|{event.interval}|{event.start}".encode()
    return Output(CANDLES, partition(event.symbol.encode(), CANDLES.partitions), key, encode(event))


def flag(event: Flag) -> Output:
    """A doubt as it stands, keyed by its whole identity and partitioned by symbol."""
    key = f"{event.source}|{event.symbol}|{event.kind}|{event.flag}|{event.first}".encode()
    return Output(FLAGS, partition(event.symbol.encode(), FLAGS.partitions), key, encode(event))


def service_event(event: ServiceEvent) -> Output:
    """An operational event, keyed by its service."""
    return Output(OPS_EVENTS, *place(event.service), encode(event))


def trading_event(event: Order | Execution | Nbbo) -> Output:
    """An order, an execution or a quote, keyed by its symbol."""
    return Output(TRADING_EVENTS, *place(event.symbol), encode(event))


def minute(event: ServiceMinute | MinuteGivenUp) -> Output:
    """A live minute's state, keyed by its whole identity and partitioned by service."""
    number, name = place(event.service)
    return Output(MINUTES, number, b"%b|%d" % (name, event.start), encode(event))


def tally(event: Tally) -> Output:
    """Counts of a block, in the partition numbered as the raw one."""
    topic = EVENTS_OF[event.topic]
    return Output(topic, event.partition % topic.partitions, b"tally", encode(event))


def markers(event: Marker) -> list[Output]:
    """A run's marker for every partition of every derived topic."""
    value = encode(event)
    return [Output(topic, p, event.run.encode(), value, _MARKER) for topic in derived(event.topic) for p in range(topic.partitions)]


_MARKER = (("ce_type", b"tickplant.marker"),)


def dead_letter(topic: Topic, record: Record, refused: Refusals, origin: Origin, source: str, received_at: int) -> Output:
    """The record's own bytes, key, headers and timestamp, with why it was rejected, in the partition numbered as the raw one.

    A timestamp out of range is not kept: the topic's retention would delete the letter at once.

    A control record's type is renamed: in the topic of dead letters it must not act as one. So are headers named as those added here:
    the first of a name is the one that is read. Raw topics share the topic of dead letters, so an origin there names its own.
    """
    taken = {*ADDED, "ce_type"} if control_kind(record.headers) is not None else ADDED
    headers = [
        *own(record.headers, taken),
        *refused.headers(),
        ("error_source", source.encode()),
        ("received_at", to_iso(received_at).encode()),
        ("origin", f"{topic.name}/{origin}".encode()),
        ("attempts", b"1"),
    ]
    stamp = record.timestamp if EARLIEST <= record.timestamp * 1000 < LATEST else None
    return Output(DEAD_LETTERS, record.partition % DEAD_LETTERS.partitions, record.key, record.value, headers, stamp)
