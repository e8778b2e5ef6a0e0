"""Where a derived record came from."""

import msgspec


class Origin(msgspec.Struct, frozen=True, gc=False, array_like=True, order=True):
    """Where a derived record came from: the raw partition's epoch, the partition, the offset, the index among the parsed values."""

    epoch: int
    partition: int
    offset: int
    index: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}/{self.partition}/{self.offset}/{self.index}"


NOWHERE = Origin(0, -1, -1, 0)
