"""The partition of a key is Kafka's own, so that every client finds the same one."""

from __future__ import annotations

import pytest
from aiokafka import partitioner
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.partitioning import murmur2, partition


@pytest.mark.parametrize(
    ("data", "expected"),
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_java_clients_own_values(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected % 2**32


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=64), st.integers(1, 50))
def test_partitions_are_those_of_the_client(key: bytes, partitions: int) -> None:
    assert murmur2(key) == partitioner.murmur2(key) % 2**32
    chosen = partitioner.DefaultPartitioner()(key, list(range(partitions)), list(range(partitions)))
    assert partition(key, partitions) == chosen
