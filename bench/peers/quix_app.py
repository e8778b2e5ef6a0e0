"""Quix Streams 3: a tumbling window reduced by event time; state in RocksDB with a changelog topic, at least once: its defaults."""

from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]

from bench.peers.job import GRACE_MS, WINDOW_MS, Bar, Job, Progress, bar, candle, grow


def first(tick: dict[str, Any]) -> Bar:
    """A window's first trade."""
    return bar(tick["price"], tick["size"], tick["ts"])


def further(bars: Bar, tick: dict[str, Any]) -> Bar:
    """Each one after it."""
    return grow(bars, tick["price"], tick["size"], tick["ts"])


def publish(closed: dict[str, Any], key: str, timestamp: int, headers: Any) -> dict[str, Any]:
    """A closed window; the key is `source|symbol`."""
    return candle(key.partition("|")[2], closed["start"], closed["value"])


def main(job: Job) -> None:
    """Runs until the last record has been taken."""
    progress = Progress(job.records)
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        state_dir=job.folder,
        loglevel="WARNING",
    )

    def event_time(tick: dict[str, Any], headers: Any, timestamp: float, kind: Any) -> int:
        if progress.add():
            app.stop()
        return int(tick["ts"])

    ticks = app.topic(job.topic, key_deserializer="str", value_deserializer="json", timestamp_extractor=event_time)
    out = app.topic(job.out, key_serializer="str", value_serializer="json")
    windows = app.dataframe(ticks).tumbling_window(WINDOW_MS, grace_ms=GRACE_MS).reduce(further, first).final()
    windows.apply(publish, metadata=True).to_topic(out)
    app.run()
    progress.tell()


if __name__ == "__main__":
    main(Job.given())
