"""Fetched batches: those with a header's name that is not UTF-8, and that all others are read as aiokafka reads them."""

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from shared.bus.batches import Batches
from shared.bus.delivered import Unpacked
from shared.records import Stored
from tests.hostile.records import NoText
from tests.unit.shared.test_delivered import PARTITION

Headers = list[tuple[str, bytes | None]]


def built(headers: Headers, codec: int) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, 1 << 20)
    for n in range(3):
        builder.append(n, 1_610_064_000_000 + n, b"key", b"%d" % n, headers if n == 1 else [("run", b"r")])
    return bytes(builder.build())


def read(log: bytes) -> list[Stored]:
    return list(Unpacked(PARTITION, Batches(log), None, 0, None, None, True, 0))


@pytest.mark.parametrize("codec", [0, 4])
@pytest.mark.parametrize("name", [NoText("name"), NoText("")], ids=["text behind", "nothing behind"])
def test_a_header_whose_name_is_not_text_is_delivered_escaped(name: str, codec: int) -> None:
    with pytest.raises(UnicodeDecodeError):
        list(MemoryRecords(built([(name, b"x")], codec)).next_batch())
    found = read(built([(name, b"x"), ("run", None)], codec))
    assert [record.value for record in found] == [b"0", b"1", b"2"]
    assert found[1].headers == (("\\xff\\xfe" + str(name), b"x"), ("run", None))
    assert found[2].headers == (("run", b"r"),)
    found[1].headers[0][0].encode()


@pytest.mark.parametrize("start", [0, 1, 2])
def test_the_log_goes_on_behind_such_a_record_and_may_begin_at_it(start: int) -> None:
    log = built([(NoText("n"), b"x")], 0) + later(3)
    records = Unpacked(PARTITION, Batches(log), None, start, None, None, True, 0)
    assert [record.offset for record in records] == list(range(start, 6))
    assert records.next_fetch_offset == 6


def later(offset: int) -> bytes:
    """The same batch without such a header, from an offset on."""
    return offset.to_bytes(8) + built([], 4)[8:]  # the checksum is of what follows


def test_every_consumer_of_the_process_reads_them() -> None:
    assert fetcher.MemoryRecords is Batches
