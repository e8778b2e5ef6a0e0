"""Batches packed many records at a time are those that aiokafka packs one by one."""

from __future__ import annotations

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.bus.producer import Entry, fill

ENTRIES: list[Entry] = [
    (
        b"k%d" % number if number % 3 else None,
        b"v" * number if number % 4 else None,
        [("run", b"r:%d:0" % number)] * (number % 2),
        1_700_000_000_000 + number,
    )
    for number in range(1, 200)
]


def builder(size: int = 1024) -> BatchBuilder:
    return BatchBuilder(size, 0, is_transactional=False)


@pytest.mark.parametrize("turn", [1, 7, 1000])
def test_a_batch_takes_what_it_would_take_one_by_one(turn: int) -> None:
    alone, together = builder(), builder()
    wanted = next(
        at
        for at, (key, value, headers, stamp) in enumerate(ENTRIES)
        if alone.append(key=key, value=value, timestamp=stamp, headers=headers) is None
    )
    at = 0
    while (upto := fill(together, ENTRIES, at, min(at + turn, len(ENTRIES)))) == min(at + turn, len(ENTRIES)):
        at = upto
    assert upto == wanted == together.record_count() == alone.record_count()
    assert bytes(together._build()) == bytes(alone._build())


def test_an_empty_batch_takes_a_record_of_any_size() -> None:
    entries: list[Entry] = [(b"k", b"x" * 5000, [], 1), (b"k", b"x", [], 1)]
    batch = builder()
    assert fill(batch, entries, 0, 2) == 1
    assert batch.record_count() == 1
