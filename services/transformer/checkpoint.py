"""How far a raw partition is done, in one record: where to go on, where to begin rebuilding, and the state that only the log gave."""

import msgspec

from services.transformer.clocks import Clock
from shared.events import Count
from shared.frames import FAULTS
from shared.records import Record


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
    topic_id: str = ""  # of the log that the offsets are of; empty in checkpoints of before


_decode = msgspec.json.Decoder(Checkpoint).decode


def encode(checkpoint: Checkpoint) -> bytes:
    """The record's value."""
    return msgspec.json.encode(checkpoint)


def decode(value: bytes) -> Checkpoint:
    """The checkpoint of a record's value."""
    return _decode(value)


def readable(record: Record) -> bool:
    """Whether a record is a checkpoint, or the removal of one."""
    try:
        return not record.value or decode(record.value) is not None
    except FAULTS:
        return False


def key(group: str, topic: str, partition: int) -> bytes:
    """The key under which a group's checkpoint of a partition is kept."""
    return f"{group}|{topic}|{partition}".encode()


def start(epoch: int, offset: int, topic_id: str = "") -> Checkpoint:
    """A partition that nobody has worked on yet."""
    return Checkpoint(epoch, offset, offset, topic_id=topic_id)


def resume(found: Checkpoint | None, first: int, end: int, epoch: int, topic_id: str = "") -> tuple[Checkpoint, tuple[int, int] | None]:
    """Where to go on in a log of [first, end), and the hole [from, to) that the log lost before it was read.

    A checkpoint of another topic id, or beyond the end, belongs to an earlier log of that name: the
    partition begins anew under an epoch above the former one, whatever the clock says. Read the
    checkpoint before the end, else one that was written in between is taken for an earlier log's.
    """
    if found is None:
        return start(epoch, first, topic_id), None
    anew = bool(topic_id and found.topic_id) and topic_id != found.topic_id
    if anew or found.next_offset > end:
        return start(max(epoch, found.epoch + 1), first, topic_id), None
    found = msgspec.structs.replace(found, topic_id=topic_id or found.topic_id)
    if found.next_offset < first:
        moved = msgspec.structs.replace(found, next_offset=first, replay_from=first)
        return moved, (found.next_offset, first)
    return msgspec.structs.replace(found, replay_from=max(found.replay_from, first)), None
