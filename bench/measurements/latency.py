"""The whole way at 2,000 ticks a second: a frame received, until GET /candles shows its candle with it.

A simulated venue trades; fetcher, transformer, writer and api run as they do in `make up`. A watcher asks for the candles of some symbols
in turn, as fast as it is answered with a short pause; the moment an answer arrives, every tick up to its newest one is visible. Afterwards
each stored tick of those symbols is held against what the watcher saw: the delay counts from the tick's `received_at`. The time between
two looks is in the figures.
"""

import threading
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec

from bench import databases, topics
from bench.databases import fetch
from bench.faults import Fault
from bench.figures import Sample, percentile
from bench.goals import Goal, notes, row
from bench.load import Connection
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from bench.venue import SOURCE, SYMBOLS, Venue
from bench.visibility import Place, delays
from deploy.local.ports import free_ports
from shared.time import MINUTE, SECOND, floor, from_datetime, to_iso
from shared.topics import TOPICS

RATE = 2000.0
WATCHED = 4
PAUSE_SECONDS = 0.004
WARM_SECONDS = 5.0
GOALS = (
    Goal("end to end at 2,000 ticks/s: p50", "end to end", "p50_s", 0.3, None, unit=" s", at_least=False),
    Goal("end to end at 2,000 ticks/s: p99", "end to end", "p99_s", 1.0, 0.3, unit=" s", at_least=False),
)
_TICKS = "SELECT event_time, sequence, received_at FROM ticks WHERE symbol = $1"


def measure(session: Session) -> list[Sample]:
    """One stack a round."""
    return [sample(session, "end to end", number, lambda: _round(session)) for number in range(1, session.options.rounds + 1)]


def rows(samples: Sequence[Sample]) -> list[Row]:
    """The goals, and what the processes used."""
    figures = (("rate", " ticks/s"), ("most_s", " s at most"), ("looks", " looks/s at a symbol"))
    return [*(row(goal, samples) for goal in GOALS), *notes([("end to end", "4 symbols watched")], samples, *figures)]


def _round(session: Session) -> dict[str, float]:
    topics.renew(session.kafka, TOPICS)
    (port,) = free_ports(1)
    venue = Venue(session)
    names = ("transformer", "writer", "api", "fetcher")
    services: list[Service] = []
    with databases.fresh(session) as url:
        try:
            services += (Service(session, name, database_url=url, API_PORT=str(port), FETCHER__SOURCES=venue.sources) for name in names)
            for service in services:
                service.ready()
            for service in services[:2]:
                service.said("partitions taken")
            venue.listened()
            figures = _play(session, venue, url, port)
        finally:
            for process in (venue.process, *(service.process for service in services)):
                process.kill()
    return figures


def _play(session: Session, venue: Venue, url: str, port: int) -> dict[str, float]:
    began = time.time()
    watcher = Watcher(port, SYMBOLS[:WATCHED], floor(int(began * SECOND), MINUTE))
    watcher.start()
    try:
        played = venue.trade(RATE, WARM_SECONDS + 3 * session.options.seconds)
        rate = played / (time.time() - began)
        _until_stored(url, played, session.options.limit)
        time.sleep(0.5)
    finally:
        watcher.stop()
    found: list[float] = []
    for symbol, seen in watcher.seen.items():
        stored = [((from_datetime(at), sequence), received.timestamp()) for at, sequence, received in fetch(url, _TICKS, symbol)]
        for delay in delays(seen, [tick for tick in stored if tick[1] >= began + WARM_SECONDS]):
            if delay is None:
                raise Fault(f"a tick of {symbol} was never seen")
            found.append(delay)
    ordered = sorted(found)
    looks = sum(map(len, watcher.seen.values())) / WATCHED / (time.time() - began)
    return {"p50_s": percentile(ordered, 0.5), "p99_s": percentile(ordered, 0.99), "most_s": ordered[-1], "rate": rate, "looks": looks}


def _until_stored(url: str, played: int, limit: float) -> None:
    deadline = time.monotonic() + limit
    while (stored := fetch(url, "SELECT coalesce(sum(stored), 0) FROM ledger WHERE source = $1", SOURCE)[0][0]) != played:
        if time.monotonic() > deadline:
            raise Fault(f"{stored} of {played} ticks are stored")
        time.sleep(0.2)


class _End(msgspec.Struct):
    event_time: datetime
    sequence: int


class _Candle(msgspec.Struct):
    last: _End


class _Answer(msgspec.Struct):
    results: list[_Candle]


class Watcher(threading.Thread):
    """Looks at the newest candle of each symbol in turn; `seen` has the time of each answer and the place of its newest tick."""

    def __init__(self, port: int, symbols: Sequence[str], since: int) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, list[tuple[float, Place]]] = {symbol: [] for symbol in symbols}
        self._paths = {symbol: f"/candles?symbol={symbol}&from={to_iso(since)}&limit=1000" for symbol in symbols}
        self._connection = Connection(port)
        self._ending = threading.Event()

    def run(self) -> None:
        """Until stopped."""
        decode = msgspec.json.Decoder(_Answer).decode
        while not self._ending.is_set():
            for symbol, path in self._paths.items():
                _, body = self._connection.get(path)
                at, results = time.time(), decode(body).results
                if results:
                    last = results[-1].last
                    self.seen[symbol].append((at, (from_datetime(last.event_time), last.sequence)))
                time.sleep(PAUSE_SECONDS)

    def stop(self) -> None:
        """Ends it."""
        self._ending.set()
        self.join(10)
