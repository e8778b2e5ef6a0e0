"""Publishing alone with aiokafka, idempotent: `send()` a record at a time, or whole record batches a partition.

The records are made before the clock starts, as flat trades of 114 bytes; the clock stops when all are acknowledged.
"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from bench.market import Market, key, plain
from bench.peers.job import Job, Progress

PARTITIONS = 12
Records = Sequence[tuple[bytes, bytes]]


async def send(producer: Any, topic: str, records: Records) -> None:
    """A record at a time, in flight as many as the client takes."""
    for named, value in records:
        await producer.send(topic, value, key=named)
    await producer.flush()


async def batches(producer: Any, topic: str, records: Records) -> None:
    """Each partition's records in batches that are sent when full."""
    places: dict[bytes, int] = {}
    opened: dict[int, Any] = {}
    sent = []
    for named, value in records:
        place = places.get(named)
        if place is None:
            place = places[named] = (murmur2(named) & 0x7FFFFFFF) % PARTITIONS
        batch = opened.get(place) or opened.setdefault(place, producer.create_batch())
        if batch.append(key=named, value=value, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, topic, partition=place))
            opened[place] = producer.create_batch()
            opened[place].append(key=named, value=value, timestamp=None)
    for place, batch in opened.items():
        sent.append(await producer.send_batch(batch, topic, partition=place))
    await asyncio.gather(*sent)


async def main(job: Job, way: str, start: int) -> None:
    """Publishes the market that begins at `start` (ms)."""
    records = [(key(trade.symbol), plain(trade)) for trade in Market(job.records, start).trades()]
    producer = AIOKafkaProducer(
        bootstrap_servers=job.bootstrap, linger_ms=5, max_batch_size=256 * 1024, enable_idempotence=True, acks="all"
    )
    await producer.start()
    progress = Progress(job.records)
    progress.begin()
    await (send if way == "send" else batches)(producer, job.out, records)
    progress.add(job.records)
    await producer.stop()
    progress.tell()


if __name__ == "__main__":
    asyncio.run(main(Job.given(), sys.argv[7], int(sys.argv[8])))
