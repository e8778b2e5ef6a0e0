"""Bytewax: a Kafka source, windows folded by event time, a Kafka sink; snapshots in SQLite every 10 s, so at least once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
import orjson  # type: ignore[import-not-found,unused-ignore]
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.operators.windowing import EventClock, TumblingWindower, fold_window  # type: ignore[import-not-found]
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.testing import run_main  # type: ignore[import-not-found]

from bench.peers.job import GRACE_MS, WINDOW_MS, Bar, Job, Progress, bar, candle, grow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SNAPSHOTS = timedelta(seconds=10)


def event_time(tick: dict[str, Any]) -> datetime:
    """When the trade happened."""
    return EPOCH + timedelta(milliseconds=tick["ts"])


def fold(bars: Bar, tick: dict[str, Any]) -> Bar:
    """Takes a trade; a window begins as an empty list."""
    values = tick["price"], tick["size"], tick["ts"]
    return grow(bars, *values) if bars else bar(*values)


def merge(bars: Bar, other: Bar) -> Bar:
    """Tumbling windows are never merged."""
    raise NotImplementedError


def encode(closed: tuple[str, tuple[int, Bar]]) -> Any:
    """A closed window as a record; its number counts windows from the epoch."""
    symbol, (number, bars) = closed
    return KafkaSinkMessage(symbol.encode(), orjson.dumps(candle(symbol, number * WINDOW_MS, bars)))


def dataflow(job: Job, progress: Progress) -> Any:
    """The flow from topic to topic."""

    def decode(record: Any) -> tuple[str, dict[str, Any]]:
        progress.add()
        tick = orjson.loads(record.value)
        return tick["symbol"], tick

    flow = Dataflow("candles")
    read = op.input("read", flow, KafkaSource([job.bootstrap], [job.topic], tail=False, batch_size=1000))
    clock = EventClock(event_time, wait_for_system_duration=timedelta(milliseconds=GRACE_MS))
    windower = TumblingWindower(length=timedelta(milliseconds=WINDOW_MS), align_to=EPOCH)
    folded = fold_window("fold", op.map("decode", read, decode), clock, windower, list, fold, merge)
    op.output("write", op.map("encode", folded.down, encode), KafkaSink([job.bootstrap], job.out))
    return flow


def main(job: Job) -> None:
    """Runs to the end of the topic."""
    progress = Progress(job.records)
    snapshots = Path(job.folder)
    init_db_dir(snapshots, 1)
    run_main(dataflow(job, progress), epoch_interval=SNAPSHOTS, recovery_config=RecoveryConfig(snapshots))
    progress.tell()


if __name__ == "__main__":
    main(Job.given())
