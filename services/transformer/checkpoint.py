"""How far a raw partition is done, in one record: where to go on, where to begin rebuilding, and the state that only the log gave."""

import msgspec

from services.transformer.clocks import Clock
from shared.events import Count


class Checkpoint(msgspec.Struct, frozen=True):
    """`next_offset` is the first offset not done; records in [replay_from, next_offset) only rebuild windows, silently.

    `state` is what the quality app knows of each symbol: bounded, so it is kept whole and nothing is rebuilt.
    """

    epoch: int
    next_offset: int
    replay_from: int
    swept_at: int = 0
    clocks: dict[str, Clock] = {}
    given_up: list[tuple[str | int, ...]] = []
    block: int = 0
    counts: list[Count] = []
    state: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(Checkpoint).decode


def encode(checkpoint: Checkpoint) -> bytes:
    """The record's value."""
    return msgspec.json.encode(checkpoint)


def decode(value: bytes) -> Checkpoint:
    """The checkpoint of a record's value."""
    return _decode(value)


def key(group: str, topic: str, partition: int) -> bytes:
    """The key under which a group's checkpoint of a partition is kept."""
    return f"{group}|{topic}|{partition}".encode()


def start(epoch: int, offset: int) -> Checkpoint:
    """A partition that nobody has worked on yet."""
    return Checkpoint(epoch, offset, offset)


def resume(found: Checkpoint | None, first: int, end: int, epoch: int) -> tuple[Checkpoint, tuple[int, int] | None]:
    """Where to go on in a log of [first, end), and the hole [from, to) of records that the log lost before they were read.

    A checkpoint beyond the end belongs to an earlier log of that name: the partition begins anew under a new epoch.
    """
    if found is None or found.next_offset > end:
        return start(epoch, first), None
    if found.next_offset < first:
        moved = msgspec.structs.replace(found, next_offset=first, replay_from=first)
        return moved, (found.next_offset, first)
    return msgspec.structs.replace(found, replay_from=max(found.replay_from, first)), None
