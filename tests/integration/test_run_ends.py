"""The end of a run: stored and published once, by its last marker and not before, whatever the clocks of its fetchers."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from services.writer.endings import Endings
from services.writer.sinks.postgres import PostgresSink, run_ends
from services.writer.sinks.postgres.connection import connect
from shared.events import Marker, Origin, Run, ServiceEvent, Trade
from shared.records import Record
from shared.runs import newest
from shared.settings import Database, Kafka, Settings
from shared.telemetry.probes import Health
from shared.time import MINUTE, SECOND
from shared.topics import CANDLES, DEAD_LETTERS, MINUTES, OPS_EVENTS, RUNS, TICKS
from tests.integration.sink import T0, Partition, Stored, encode, stored_candles, with_sink, write_all
from tests.system.store import query

RUN = "prices-20260101T000000-000001"


@pytest.fixture
def configured(bootstrap_servers: str, database_url: str) -> Settings:
    return Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database(url=database_url))


def run(status: str, at: int, *, attempts: int = 1, sent: int = 10, message: str = "") -> Run:
    return Run(RUN, "prices", status, "binance", T0, at, {"path": "x"}, sent, attempts=attempts, message=message)  # type: ignore[arg-type]


def markers(status: str) -> list[Partition]:
    """The copies of the run's one marker, a partition each."""
    marker = Marker(RUN, "market.raw.v1", [0], status, "binance", 10, "why", Origin(1, 0, 9))  # type: ignore[arg-type]
    events = [Partition(TICKS.name, p).add(marker) for p in range(TICKS.partitions)]
    letters = [Partition(DEAD_LETTERS.name, p) for p in range(DEAD_LETTERS.partitions)]
    for part in letters:
        part.records.append(Stored(encode(marker), 0, part.place[1], headers=[("ce_type", b"tickplant.marker")]))
    return [*events, *letters]


def ends(url: str) -> list[tuple[int, bytes]]:
    return [tuple(row) for row in query(url, "SELECT position, value FROM outbox WHERE topic = $1", RUNS.name)]


@pytest.mark.parametrize("status", ["failed", "finished"])
def test_an_end_that_is_read_back_is_not_published_again(configured: Settings, database_url: str, status: str) -> None:
    log = Partition(RUNS.name, 0).add(
        run("failed" if status == "failed" else "published", T0 + SECOND, message="line 3: a quote is never closed")
    )

    async def work(sink: PostgresSink) -> None:
        await write_all(sink, *markers("aborted" if status == "failed" else "finished"), log)

    with_sink(configured, work)
    ((first, value),) = ends(database_url)
    row = query(database_url, "SELECT status, message, finished_at FROM runs")[0]
    assert row[0] == status
    for offset in (1, 2):
        record: Record = Stored(value, offset)
        log.records.append(record)  # type: ignore[arg-type]
        with_sink(configured, lambda sink: write_all(sink, log))
    assert [position for position, _ in ends(database_url)] == [first]
    assert query(database_url, "SELECT status, message, finished_at FROM runs")[0] == row


def test_an_end_that_is_stored_before_its_run_is_published_when_that_comes(configured: Settings, database_url: str) -> None:
    with_sink(configured, lambda sink: write_all(sink, *markers("finished")))
    assert ends(database_url) == []
    log = Partition(RUNS.name, 0).add(run("published", T0 + SECOND))
    with_sink(configured, lambda sink: write_all(sink, log))
    assert len(ends(database_url)) == 1
    assert tuple(query(database_url, "SELECT status, source FROM runs")[0]) == ("finished", "binance")


def test_a_run_without_its_last_marker_goes_on(configured: Settings, database_url: str) -> None:
    log = Partition(RUNS.name, 0).add(run("published", T0 + SECOND))
    *others, last = markers("finished")
    with_sink(configured, lambda sink: write_all(sink, log, *others))
    assert [row[0] for row in query(database_url, "SELECT status FROM runs")] == ["published"]
    with_sink(configured, lambda sink: write_all(sink, last))
    assert [row[0] for row in query(database_url, "SELECT status FROM runs")] == ["finished"]


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize(("status", "attempts"), [("running", 2), ("running", 1), ("published", 2)])
def test_a_later_attempt_holds_though_its_clock_is_behind(
    configured: Settings, database_url: str, status: str, attempts: int, step: int
) -> None:
    first = run(status, T0 + 10 * SECOND)
    second = run("failed", T0 + 6 * SECOND, attempts=attempts, message="the file changed")
    assert newest(first, second) == second
    log = Partition(RUNS.name, 0).add(first, second)
    with_sink(configured, lambda sink: write_all(sink, log, step=step))
    found = query(database_url, "SELECT status, attempts, message FROM runs")[0]
    assert tuple(found) == ("failed", attempts, "the file changed")


@pytest.mark.parametrize("step", [1, 2])
def test_what_was_told_of_an_earlier_attempt_is_too_late(configured: Settings, database_url: str, step: int) -> None:
    log = Partition(RUNS.name, 0).add(run("running", T0, attempts=2, sent=20), run("running", T0 + SECOND, attempts=1, sent=10))
    with_sink(configured, lambda sink: write_all(sink, log, step=step))
    assert tuple(query(database_url, "SELECT attempts, sent FROM runs")[0]) == (2, 20)


def trades(minutes: int) -> list[Trade]:
    """A trade of each minute, brought by the run."""
    return [
        Trade("BTC-USD", "BTCUSD", T0 + n * MINUTE, Decimal(n + 1), Decimal(1), "buy", str(n), n, "csv", T0, Origin(1, 0, n), run=RUN)
        for n in range(minutes)
    ]


def published(url: str, topic: str) -> list[bytes]:
    return [bytes(row[0]) for row in query(url, "SELECT value FROM outbox WHERE topic = $1 ORDER BY position", topic)]


def ended_bit_by_bit(configured: Settings, url: str, topic: str) -> list[int]:
    """How many windows each transaction of the loop publishes; another session does each, as after a crash."""

    async def once() -> bool:
        connection = await connect(url, "public")
        try:
            return await Endings(configured, Health()).one(connection)
        finally:
            await connection.close()

    sizes: list[int] = []
    while query(url, "SELECT FROM run_ends"):
        query(url, "DELETE FROM outbox WHERE topic = $1", topic)
        assert ends(url) == [], "the end comes after the last window"
        assert asyncio.run(once())
        sizes.append(len(published(url, topic)))
    assert not asyncio.run(once())
    return sizes


@pytest.mark.parametrize(("windows", "sizes"), [(3, []), (4, [0]), (9, [4, 1]), (12, [4, 4, 0])])
def test_a_run_with_many_windows_ends_bit_by_bit_after_the_last(
    configured: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch, windows: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(run_ends, "SLICE", 2)
    monkeypatch.setattr(run_ends, "SLICES", 2)
    ticks, *others = markers("finished")
    rows = Partition(TICKS.name, 0).add(*trades(windows))
    rows.records += [Stored(record.value, len(rows.records), 0) for record in ticks.records]
    log = Partition(RUNS.name, 0).add(run("published", T0 + SECOND))

    with_sink(configured, lambda sink: write_all(sink, log, *others))
    with_sink(configured, lambda sink: write_all(sink, rows))
    assert ended_bit_by_bit(configured, database_url, CANDLES.name) == sizes
    assert [candle.is_closed for candle in stored_candles(database_url)] == [True] * windows
    assert len(ends(database_url)) == 1
    assert [row[0] for row in query(database_url, "SELECT status FROM runs")] == ["finished"]
    with_sink(configured, lambda sink: write_all(sink, log, rows))
    assert len(ends(database_url)) == 1


def test_a_run_of_events_with_many_minutes_ends_bit_by_bit(
    configured: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_ends, "SLICE", 2)
    monkeypatch.setattr(run_ends, "SLICES", 2)
    events = [ServiceEvent(f"e{n}", "s", "t", T0 + n * MINUTE, "", received_at=T0, origin=Origin(1, 0, n), run=RUN) for n in range(7)]
    marker = msgspec.json.decode(markers("finished")[0].records[0].value, type=Marker)
    marker = msgspec.structs.replace(marker, topic="ops.raw.v1")
    copies = [Partition(OPS_EVENTS.name, p).add(*(events if p == 0 else ()), marker) for p in range(OPS_EVENTS.partitions)]
    letters = [part for part in markers("finished") if part.place[0] == DEAD_LETTERS.name]
    for part in letters:
        part.records[0].value = encode(marker)
    log = Partition(RUNS.name, 0).add(run("published", T0 + SECOND))

    with_sink(configured, lambda sink: write_all(sink, log, *letters, *copies))
    assert ended_bit_by_bit(configured, database_url, MINUTES.name) == [3]
    assert [row[0] for row in query(database_url, "SELECT is_closed FROM minutes")] == [True] * 7
    assert len(ends(database_url)) == 1
