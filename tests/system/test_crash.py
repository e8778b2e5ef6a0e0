"""Trades flow while everything is killed, scaled, and cut off; what is stored must equal what an independent program computes."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from shared.settings import Kafka
from shared.time import SECOND, from_datetime
from shared.topics import CANDLES, DEAD_LETTERS, MARKET_RAW
from tests.fixtures.servers import Server
from tests.system.feed import START, Feed
from tests.system.market_history import History, generate
from tests.system.services import Services
from tests.system.store import headers, offsets, published, query, until

TRADES = 300_000
KILLS = 10
SEED = 20_261_121


class Flow:
    """Publishes the history in a thread of its own, a heartbeat a second of log time, pausable for the broker's outage."""

    def __init__(self, history: History, kafka: Kafka, rate: int) -> None:
        self._history, self._kafka, self._rate = history, kafka, rate
        self._feed = Feed("binance")
        self.open = threading.Event()
        self.open.set()
        self.fault: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def running(self) -> Iterator["Flow"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()

    def hurry(self) -> None:
        """The rest at once."""
        self._rate = 1_000_000

    def finish(self) -> None:
        """Until everything is published."""
        self._thread.join()
        assert self.fault is None, self.fault

    def _run(self) -> None:
        try:
            self._play()
        except BaseException as fault:  # noqa: BLE001 told to the test by `finish`
            self.fault = fault

    def _play(self) -> None:
        chunk, beat = 500, START
        frames = self._history.frames
        for at in range(0, len(frames), chunk):
            for symbol, payload, received in frames[at : at + chunk]:
                self._feed.frame(symbol, payload, received)
                if received - beat >= SECOND:
                    beat = received
                    self._feed.heartbeat(received)
            self.open.wait()
            self._feed.publish(self._kafka)
            if self._stop.wait(chunk / self._rate):
                return
        last = frames[-1][2]
        for second in range(1, 80):
            self._feed.heartbeat(last + second * SECOND)
        self._feed.publish(self._kafka)


@pytest.mark.timeout(600)
def test_everything_is_killed_and_nothing_is_lost_or_doubled(
    services: Services, kafka_settings: Kafka, database_url: str, kafka: Server, postgres: Server
) -> None:
    history = generate(SEED, TRADES, 16, START)
    rnd = random.Random(SEED)
    services.start("transformer")
    services.start("writer")
    with Flow(history, kafka_settings, rate=2_000).running() as flow:
        kill_often(services, kafka_settings, database_url, rnd)
        scale(services, kafka_settings, database_url, flow)
        cut_off(flow, kafka, postgres)
        flow.finish()
    check(history, kafka_settings, database_url, services)


def kill_often(services: Services, kafka: Kafka, url: str, rnd: random.Random) -> None:
    """Each kill finds work undone and a window open, and progress since the kill before."""
    reached = {"transformer": 0, "writer": 0}
    for _ in range(KILLS):
        until(lambda: all(progress(kafka, url)[name] > reached[name] for name in reached), True, 60, services.logs)  # noqa: B023 read at once
        time.sleep(rnd.uniform(0.05, 1.5))
        done = undone(kafka, url)
        assert query(url, "SELECT 1 FROM candles WHERE NOT is_closed LIMIT 1"), "no window was open at the kill"
        reached = done
        services.kill("transformer")
        services.kill("writer")
        services.start("transformer")
        services.start("writer")


def undone(kafka: Kafka, url: str) -> dict[str, int]:
    """What each stage has done, at a moment when not all is: between two chunks of the flow there may be nothing left."""
    deadline = time.monotonic() + 10
    while True:
        done, total = progress(kafka, url), sum(end for _, end in offsets(kafka, MARKET_RAW).values())
        if done["transformer"] < total:
            return done
        assert time.monotonic() < deadline, "nothing was left to do at the kill"


def scale(services: Services, kafka: Kafka, url: str, flow: Flow) -> None:
    """Replicas 1 to 3 to 1 while records flow."""
    for number in (2, 3):
        services.start(f"transformer-{number}")
        services.start(f"writer-{number}")
    before = progress(kafka, url)
    until(lambda: all(progress(kafka, url)[name] > before[name] + 5_000 for name in before), True, 60)
    for number in (2, 3):
        assert services.stop(f"transformer-{number}") == 0
        assert services.stop(f"writer-{number}") == 0


def cut_off(flow: Flow, kafka: Server, postgres: Server) -> None:
    """The broker is away for longer than its members' sessions last, then the store, in which the source goes on."""
    flow.open.clear()
    time.sleep(1)
    kafka.stop()
    time.sleep(8)
    kafka.start()
    flow.open.set()
    flow.hurry()
    postgres.stop()
    time.sleep(12)
    postgres.start()


def progress(kafka: Kafka, url: str) -> dict[str, int]:
    """How many records each stage has done: the tallied raw offsets, the stored positions."""
    tallied = query(url, "SELECT coalesce(sum(upto), 0) FROM (SELECT partition, max(upto) AS upto FROM tallies GROUP BY partition) t")
    stored = query(url, "SELECT coalesce(sum(next_offset), 0) FROM offsets")
    return {"transformer": int(tallied[0][0]), "writer": int(stored[0][0])}


def check(history: History, kafka: Kafka, url: str, services: Services) -> None:
    """Row for row, and the ledger."""
    closed = "SELECT count(*) FILTER (WHERE is_closed), count(*) FROM candles"
    total = len(history.candles)
    until(
        lambda: tuple(query(url, closed)[0]),
        (total, total),
        120,
        lambda: services.log("writer")[-4000:] + services.log("transformer")[-3000:],
    )
    until(lambda: query(url, "SELECT count(*) FROM outbox")[0][0], 0, 30)
    rows = query(url, "SELECT symbol, id, event_time, price, size, side, late FROM ticks")
    stored = {(row[0].replace("-", ""), row[1]): (from_datetime(row[2]), *row[3:]) for row in rows}
    assert len(rows) == len(history.ticks)
    assert stored == history.ticks
    names = "symbol, start, open, high, low, close, volume, quote_volume, buy_volume, tick_count, late_count"
    candles = {(row[0].replace("-", ""), from_datetime(row[1])): tuple(row[2:]) for row in query(url, f"SELECT {names} FROM candles")}
    assert candles == history.expected_candles()
    check_ledger(history, kafka, url)
    check_stream(kafka, history)


def check_ledger(history: History, kafka: Kafka, url: str) -> None:
    """received = stored + duplicate + rejected, and each is what was sent."""
    received = query(url, "SELECT sum(received), sum(rejected) FROM tallies")[0]
    kept = query(url, "SELECT sum(stored), sum(duplicate), sum(rejected), sum(late), sum(mismatch) FROM ledger")[0]
    late = sum(tick[4] for tick in history.ticks.values())
    assert tuple(received) == (len(history.frames), history.poison)
    assert tuple(kept) == (len(history.ticks), history.duplicates, history.poison, late, 0)
    assert len(letters(kafka)) == history.poison


def letters(kafka: Kafka) -> set[Any]:
    """The origins in the dead-letter topic, repeats folded."""
    return {found["origin"] for found in headers(kafka, DEAD_LETTERS) if "origin" in found}


def check_stream(kafka: Kafka, history: History) -> None:
    """The newest candle of each window on the topic is the stored one."""
    best: dict[tuple[str, int], Any] = {}
    for _, value in published(kafka, CANDLES):
        if value["kind_of"] == "candle":
            key = (value["symbol"].replace("-", ""), value["start"])
            rank = (value["tick_count"], value.get("is_closed", False), value.get("from_store", False))
            if key not in best or rank > best[key][0]:
                best[key] = (rank, value)
    expected = history.expected_candles()
    assert best.keys() == expected.keys()
    for key, (rank, value) in best.items():
        assert rank[1], key
        assert tuple(Decimal(value[name]) for name in ("open", "high", "low", "close")) == expected[key][:4]
        assert value["tick_count"] == expected[key][7]
