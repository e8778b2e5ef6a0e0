"""The fetcher: rows of a recorded session into acknowledged records, and frames from a WebSocket.

A file's clock runs from the moment the run is taken (its own log line) to the append of the last row in the log. A WebSocket's runs
from the append of the first frame to that of the last; the simulated venue, which has made all frames before, sends them as fast as
they are read.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import contestants, topics
from bench.contestants import Told
from bench.faults import Fault
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.market import SOURCE, Market, frame
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from bench.venue import Venue
from shared import runs
from shared.bus import Producer
from shared.events import Run
from shared.records import Record
from shared.settings import Kafka
from shared.topics import MARKET_RAW, RUNS, TOPICS

_ID = re.compile(rb'"t":(\d+)')
_FILE, _LIVE = "file ingest", "websocket"
GOALS = (Goal("fetcher: WebSocket frames into acknowledged records", _LIVE, "rate", 30_000, 60_000, unit="/s"),)


def measure(session: Session) -> list[Sample]:
    """A new topic each round."""
    path = session.home / "session.txt"
    write(path, session.market)
    samples = []
    for number in range(1, session.options.rounds + 1):
        samples.append(sample(session, _LIVE, number, lambda: _listen(session)))
        samples.append(sample(session, _FILE, number, lambda: _ingest(session, path)))
    return samples


def rows(samples: Sequence[Sample]) -> list[Row]:
    """The goal, and what both ways took."""
    figures = (("rate", "/s"), ("cpu_s_per_million", " CPU-s/M"), ("rss_mib", " MiB"))
    ran = [(_LIVE, "one connection, 20 symbols"), (_FILE, "a recorded session, `receive time: frame` a line")]
    return [*(row(goal, samples) for goal in GOALS), *notes(ran, samples, *figures)]


def write(path: Path, market: Market) -> None:
    """The market as a recorded session."""
    with path.open("wb") as file:
        for trade in market.trades():
            file.write(b"%d.%03d000: %b\n" % (trade.received // 1000, trade.received % 1000, frame(trade)))


def _listen(session: Session) -> dict[str, float]:
    kafka = session.kafka.model_copy(update={"topic_prefix": f"{session.name('listen')}."})
    topics.renew(kafka, TOPICS)
    topics.renew(kafka, [MARKET_RAW], log_time=True)
    venue = Venue(session)
    service = Service(session, "fetcher", kafka=kafka, FETCHER__SOURCES=venue.sources)
    frames = Frames()
    try:
        venue.listened()
        venue.burst(session.options.records)
        _until_appended(kafka, session)
    except Fault:
        service.process.kill()
        raise
    finally:
        venue.process.kill()
    used = service.process.stop()
    topics.scan(kafka, MARKET_RAW, frames.take)
    topics.drop(session.kafka, kafka.topic_prefix)
    if (len(frames.ids), frames.count) != (session.options.records, session.options.records):
        raise Fault(f"{frames.count} frames of {len(frames.ids)} trades are in the topic, {session.options.records} were sent")
    return contestants.figures(session.options.records, Told(session.options.records, frames.first / 1000, frames.last / 1000), used)


def _until_appended(kafka: Kafka, session: Session) -> None:
    """Until the topic holds that many records: it has control records too, so the frames are counted afterwards."""
    deadline = time.monotonic() + session.options.limit
    before = -1
    while (held := sum(topics.ends(kafka, MARKET_RAW).values())) < session.options.records or held - before > 1000:
        before = held
        if time.monotonic() > deadline:
            raise Fault(f"{held} of {session.options.records} records are in the topic")
        time.sleep(1)


class Frames:
    """The trades in the topic by symbol and id, and when the first and the last frame was appended."""

    def __init__(self) -> None:
        self.ids: set[tuple[bytes, int]] = set()
        self.count, self.first, self.last = 0, 2**63, 0

    def take(self, records: Sequence[Record]) -> None:
        """Adds records; control records have headers."""
        for record in records:
            if not record.headers and (found := _ID.search(record.value or b"")):
                self.ids.add((record.key or b"", int(found[1])))
                self.count += 1
                self.first, self.last = min(self.first, record.timestamp), max(self.last, record.timestamp)


def _ingest(session: Session, path: Path) -> dict[str, float]:
    kafka = session.kafka.model_copy(update={"topic_prefix": f"{session.name('fetch')}."})
    topics.renew(kafka, TOPICS)
    topics.renew(kafka, [MARKET_RAW], log_time=True)
    service = Service(session, "fetcher", kafka=kafka, FETCHER__ALLOWED_FOLDERS=str(path.parent), FETCHER__MOST_BEHIND="0")
    try:
        service.said("partitions taken")
        asyncio.run(_request(kafka, path))
        first = service.said("run taken")
        service.said("run ended", session.options.limit)
    except Fault:
        service.process.kill()
        raise
    used = service.process.stop()
    seen = Seen()
    topics.scan(kafka, MARKET_RAW, seen.take)
    topics.drop(session.kafka, kafka.topic_prefix)
    if wrong := seen.wrong(path):
        raise Fault(wrong)
    return contestants.figures(session.options.records, Told(session.options.records, first, seen.last / 1000), used)


async def _request(kafka: Kafka, path: Path) -> None:
    now = time.time_ns() // 1000
    request = msgspec.to_builtins(runs.FramesRequest(str(path), SOURCE))
    run = Run(runs.new_id("frames", now, "00b13c"), "frames", "requested", SOURCE, now, now, request=request)
    async with Producer(kafka, client_id="bench") as producer:
        producer.add(RUNS, *runs.record(run))
        await producer.flush()


class Seen:
    """A sum over the rows in the topic, the same in any order; `last` is when the last of them was appended."""

    def __init__(self) -> None:
        self.total = self.count = self.last = 0

    def take(self, records: Sequence[Record]) -> None:
        """Adds records; markers have no row."""
        for record in records:
            if record.headers and record.headers[0][0] == "run":
                self.total += hash(record.value)
                self.count += 1
                self.last = max(self.last, record.timestamp)

    def wrong(self, path: Path) -> str | None:
        """What differs from the file."""
        with path.open("rb") as file:
            hashes = [hash(line.rstrip(b"\n")) for line in file]
        same = (self.count, self.total) == (len(hashes), sum(hashes))
        return None if same else f"{self.count} of {len(hashes)} rows are in the topic, or they differ"
