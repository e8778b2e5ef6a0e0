"""Reading alone, with aiokafka or confluent-kafka: no decoding, no output. The limit of whatever is built on them."""

import asyncio
import sys

from bench.peers.job import Job, Progress


async def aiokafka(job: Job, progress: Progress) -> None:
    """Batches as the platform polls them."""
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(
        job.topic, bootstrap_servers=job.bootstrap, group_id=job.group, auto_offset_reset="earliest", enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20, fetch_max_bytes=64 << 20,
    )  # fmt: skip
    await consumer.start()
    while not progress.done:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=20_000)).values():
            progress.add(len(records))
    await consumer.stop()


def confluent(job: Job, progress: Progress) -> None:
    """librdkafka's batches."""
    from confluent_kafka import Consumer  # type: ignore[import-not-found]

    consumer = Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "queued.min.messages": 1_000_000,
            # By default a reader that has emptied its queue may wait a second for more.
            "fetch.queue.backoff.ms": 5,
        }
    )
    consumer.subscribe([job.topic])
    while not progress.done:
        # A longer timeout would be waited out in full for the last, partial batch.
        if records := consumer.consume(10_000, 0.02):
            progress.add(len(records))
    consumer.close()


def main(job: Job, client: str) -> None:
    """Reads until the last record."""
    progress = Progress(job.records)
    if client == "aiokafka":
        asyncio.run(aiokafka(job, progress))
    else:
        confluent(job, progress)
    progress.tell()


if __name__ == "__main__":
    main(Job.given(), sys.argv[7])
