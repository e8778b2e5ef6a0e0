"""Kafka's default partitioner (murmur2), so that a record's partition is known before it is sent."""

from functools import lru_cache

_LONGEST = 256  # bytes of a key that is remembered


def partition(key: bytes, partitions: int) -> int:
    """The partition of `key` among `partitions`, as the Java client computes it."""
    return _known(key, partitions) if len(key) <= _LONGEST else _computed(key, partitions)


def _computed(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


_known = lru_cache(maxsize=65536)(_computed)


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 with Kafka's seed (org.apache.kafka.common.utils.Utils.murmur2)."""
    length, m, mask = len(data), 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if tail := data[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
