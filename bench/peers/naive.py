"""What a user writes by hand: a record at a time, json.loads, a pydantic model, a dict of windows, automatic commits."""

import asyncio
import json

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import BaseModel

from bench.peers.job import GRACE_MS, WINDOW_MS, Bar, Job, Progress, bar, candle, grow

Windows = dict[int, dict[str, Bar]]


class Tick(BaseModel):
    """One trade."""

    event_id: str
    source: str
    symbol: str
    price: float
    size: float
    ts: int


def take(windows: Windows, tick: Tick) -> None:
    """Puts a trade into its window."""
    bars = windows.setdefault(tick.ts // WINDOW_MS * WINDOW_MS, {})
    known = bars.get(tick.symbol)
    if known is None:
        bars[tick.symbol] = bar(tick.price, tick.size, tick.ts)
    else:
        grow(known, tick.price, tick.size, tick.ts)


async def main(job: Job) -> None:
    """Reads until the last record."""
    consumer = AIOKafkaConsumer(job.topic, bootstrap_servers=job.bootstrap, group_id=job.group, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=job.bootstrap)
    await consumer.start()
    await producer.start()
    progress = Progress(job.records)
    states: dict[int, Windows] = {}
    newest: dict[int, int] = {}
    async for record in consumer:
        progress.begin()
        tick = Tick(**json.loads(record.value))
        windows = states.setdefault(record.partition, {})
        take(windows, tick)
        at = newest[record.partition] = max(newest.get(record.partition, 0), tick.ts)
        for start in [start for start in windows if start + WINDOW_MS + GRACE_MS <= at]:
            for symbol, bars in windows.pop(start).items():
                await producer.send(job.out, json.dumps(candle(symbol, start, bars)).encode(), key=symbol.encode())
        if progress.add():
            break
    await producer.flush()
    progress.tell()
    await producer.stop()
    await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(Job.given()))
