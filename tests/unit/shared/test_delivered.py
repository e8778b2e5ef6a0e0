"""Records of a batch as they are delivered, beside what aiokafka makes of the same bytes."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from shared.bus.delivered import Unpacked
from shared.records import Stored

PARTITION = TopicPartition("raw", 3)
(STANDARD,) = Unpacked.__bases__
NAMES = Stored.__struct_fields__


def batch(count: int, codec: int) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=1, producer_epoch=0, base_sequence=0, batch_size=1 << 20
    )
    for n in range(count):
        headers = [("run", b"%d" % n), ("run", b"again")] if n % 3 else []
        builder.append(
            n, timestamp=1_610_064_000_000 + n, key=None if n % 5 == 0 else b"key", value=None if n % 7 == 0 else b"%d" % n, headers=headers
        )
    return bytes(builder.build())


def unpacked(cls: Any, log: bytes, start: int) -> list[Any]:
    records = cls(PARTITION, MemoryRecords(log), None, start, None, None, True, 0)
    found = [next(iter(records))] if start < 100 else []
    found += records
    assert records.next_fetch_offset == 100
    return found


@pytest.mark.parametrize("codec", [0, 4])
@pytest.mark.parametrize("start", [0, 40, 99, 100])
def test_each_record_has_the_values_that_aiokafka_finds(codec: int, start: int) -> None:
    log = batch(100, codec)
    ours, theirs = unpacked(Unpacked, log, start), unpacked(STANDARD, log, start)
    assert len(ours) == 100 - start
    assert all(type(record) is Stored for record in ours)
    shown = [[getattr(record, name) for name in NAMES] for record in ours]
    assert shown == [[getattr(record, name) for name in NAMES] for record in theirs]


def test_what_is_not_as_it_was_written_is_not_delivered() -> None:
    log = bytearray(batch(100, 0))
    log[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        unpacked(Unpacked, bytes(log), 0)


def test_every_consumer_of_the_process_delivers_them() -> None:
    assert fetcher.PartitionRecords is Unpacked
