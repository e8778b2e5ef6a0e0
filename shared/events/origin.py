"""Where a derived record came from."""

import msgspec

from shared.storable import Int32, Int64


class Origin(msgspec.Struct, frozen=True, gc=False, array_like=True, order=True):
    """Where a derived record came from: the raw partition's epoch, the partition, the offset, the index among the parsed values."""

    epoch: Int64
    partition: Int32
    offset: Int64
    index: Int32 = 0

    def __str__(self) -> str:
        return f"{self.epoch}/{self.partition}/{self.offset}/{self.index}"


NOWHERE = Origin(0, -1, -1, 0)
