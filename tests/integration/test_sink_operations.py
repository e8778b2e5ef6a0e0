"""Operational events in the Postgres sink: whatever order, batching and repetition, the minutes are the fold of the distinct events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from random import Random

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.writer.batch import first
from services.writer.sinks.postgres import PostgresSink, aggregates, minutes
from shared.aggregations.minutes import fold, key, merge, same
from shared.events import Marker, MinuteGivenUp, Origin, Run, ServiceEvent, ServiceMinute
from shared.settings import Database, Kafka, Settings
from shared.time import MINUTE, SECOND
from shared.topics import DEAD_LETTERS, MINUTES, OPS_EVENTS, RUNS
from tests.integration.sink import Partition, Stored, with_sink, write_all
from tests.system.store import query

T0 = 1_770_000_000 * SECOND // MINUTE * MINUTE
encode = msgspec.json.Encoder(decimal_format="string").encode
TABLES = "service_events, minutes, minute_runs, minute_closings, offsets, marks, outbox, ledger, tallies, dead_letters, runs, run_markers"


@pytest.fixture
def configured(bootstrap_servers: str, database_url: str) -> Settings:
    return Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database(url=database_url))


def event(
    number: int,
    at: int = T0,
    latency: Decimal | None = None,
    status: int | None = 200,
    service: str = "checkout",
    *,
    run: str | None = None,
) -> ServiceEvent:
    values = (latency, status, None, "eu", 2, {"n": msgspec.Raw(b'{"a":[1.10]}')}, ("user_id",))
    return ServiceEvent(f"e{number}", service, "request", at, f"{at}", *values, at, Origin(1, 0, number), False, run)


def stored(url: str) -> dict[tuple[str, int], ServiceMinute]:
    return {(minute.service, minute.start): minute for minute in map(minutes.read, query(url, "SELECT * FROM minutes"))}


def assert_same(found: dict[tuple[str, int], ServiceMinute], wanted: dict[tuple[str, int], ServiceMinute]) -> None:
    assert found.keys() == wanted.keys()
    for window, minute in wanted.items():
        assert same(found[window], minute), (found[window], minute)
        assert found[window].late_count == minute.late_count


services = st.sampled_from(["checkout", "search"])
latencies = st.none() | st.sampled_from([Decimal(1), Decimal("2.5")]) | st.decimals(0, 10**6, places=3)
facts = st.lists(
    st.builds(
        lambda n, at, latency, status, service: event(n, T0 + at, latency, status, service),
        *(st.integers(1, 25), st.integers(0, 3 * MINUTE), latencies, st.none() | st.integers(100, 599), services),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_events=facts, step=st.integers(1, 15), chance=st.randoms(use_true_random=False))
def test_any_order_batching_and_repetition_stores_the_fold_of_the_first_copies(
    configured: Settings, database_url: str, given_events: list[ServiceEvent], step: int, chance: Random
) -> None:
    """The log is in any order of receipt: of several copies the first received holds, in whichever service and minute it is."""
    query(database_url, f"TRUNCATE {TABLES}")
    copies = [msgspec.structs.replace(found, received_at=T0 + n) for n, found in enumerate(given_events)]
    chance.shuffle(copies)
    log = [msgspec.structs.replace(found, origin=Origin(1, 0, n)) for n, found in enumerate(copies)]
    distinct: dict[str, ServiceEvent] = {}
    for found in sorted(log, key=first):
        distinct.setdefault(found.event_id, found)
    part = Partition(OPS_EVENTS.name, 0).add(*log)
    with_sink(configured, lambda sink: write_all(sink, part, step=step))
    assert_same(stored(database_url), fold(distinct.values()))
    counts = query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]
    assert tuple(counts) == (len(distinct), len(log) - len(distinct))
    part.add(*log)  # as a transformer repeats itself after a crash
    with_sink(configured, lambda sink: write_all(sink, part, step=step))
    assert_same(stored(database_url), fold(distinct.values()))
    assert tuple(query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]) == tuple(counts)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(a=facts, b=facts)
def test_the_merge_in_sql_is_the_merge_in_python(database_url: str, a: list[ServiceEvent], b: list[ServiceEvent]) -> None:
    query(database_url, f"TRUNCATE {TABLES}")
    left, right = fold(a), fold(b)

    async def run() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            for part in (left, right):
                await aggregates.merge(connection, minutes.TABLE, part.values(), set())
        finally:
            await connection.close()

    asyncio.run(run())
    expected = {k: merge(left[k], right[k]) if k in left and k in right else left.get(k) or right[k] for k in left.keys() | right.keys()}
    assert_same(stored(database_url), expected)


def test_an_event_is_stored_with_everything_it_said(configured: Settings, database_url: str) -> None:
    found = event(1, T0, Decimal("1.50"), 500)
    with_sink(configured, lambda sink: write_all(sink, Partition(OPS_EVENTS.name, 0).add(found)))
    from services.writer.sinks.postgres import service_events

    (row,) = query(database_url, "SELECT * FROM service_events")
    again = service_events.event(row)
    assert {name: bytes(value) for name, value in again.extra.items()} == {"n": b'{"a":[1.10]}'}
    assert msgspec.structs.replace(again, extra={}) == msgspec.structs.replace(found, extra={})


def test_a_live_minute_is_closed_once_its_events_are_stored_and_differences_are_counted(configured: Settings, database_url: str) -> None:
    events = [event(1), event(2, T0 + 1), event(3, T0 + MINUTE)]
    ends = zip((2, 3), fold(events).values(), strict=True)
    live = [msgspec.structs.replace(minute, is_closed=True, last_origin=Origin(1, 0, n)) for n, minute in ends]
    wrong = msgspec.structs.replace(live[0], request_count=9, start=T0 + 2 * MINUTE, last_origin=Origin(1, 0, 3))
    closings = Partition(MINUTES.name, 0).add(*live, wrong, MinuteGivenUp("search", T0, Origin(1, 0, 1)))
    log = Partition(OPS_EVENTS.name, 0).add(*events)

    async def close(sink: PostgresSink) -> None:
        await write_all(sink, closings)
        assert (await asyncio.to_thread(query, database_url, "SELECT count(*) FROM minute_closings"))[0][0] == 4
        await write_all(sink, log)

    with_sink(configured, close)
    assert query(database_url, "SELECT count(*) FROM minute_closings")[0][0] == 0
    assert [minute.is_closed for minute in stored(database_url).values()] == [True, True]
    assert query(database_url, "SELECT sum(mismatch) FROM ledger")[0][0] == 1
    assert query(database_url, "SELECT count(*) FROM outbox")[0][0] == 0


def test_an_event_on_time_for_a_minute_that_was_given_up_publishes_the_corrected_one(configured: Settings, database_url: str) -> None:
    log = Partition(OPS_EVENTS.name, 0).add(event(1))
    closings = Partition(MINUTES.name, 0).add(MinuteGivenUp("checkout", T0, Origin(1, 0, 1)))

    async def counts() -> list[int]:
        values = await asyncio.to_thread(query, database_url, "DELETE FROM outbox RETURNING value")  # the relay's work
        return [msgspec.json.decode(row["value"])["request_count"] for row in values]

    async def work(sink: PostgresSink) -> None:
        await write_all(sink, closings, log)
        assert await counts() == [1]
        await write_all(sink, log.add(event(2, T0 + 1)))
        assert await counts() == [2]
        await write_all(sink, log.add(event(3, T0 + MINUTE)))  # of a minute that is open: the stream publishes it
        assert await counts() == []

    with_sink(configured, work)


def test_a_minute_stays_open_while_a_run_that_touched_it_goes_on_and_leaves_when_it_ends(configured: Settings, database_url: str) -> None:
    run = "events-1"
    log = Partition(OPS_EVENTS.name, 0).add(event(1, run=run), event(2, T0 + 1, run=run))
    with_sink(configured, lambda sink: write_all(sink, log))
    assert [minute.is_closed for minute in stored(database_url).values()] == [False]
    marker = Marker(run, "ops.raw.v1", [0], "finished", "events", 2, "", Origin(1, 0, 9))
    parts = [log, *(Partition(OPS_EVENTS.name, p) for p in range(1, OPS_EVENTS.partitions))]
    letters = [Partition(DEAD_LETTERS.name, p) for p in range(DEAD_LETTERS.partitions)]
    for part in parts:
        part.add(marker)
    for part in letters:
        part.records.append(Stored(encode(marker), 0, part.place[1], headers=[("ce_type", b"tickplant.marker")]))
    requests = Partition(RUNS.name, 0).add(Run(run, "events", "published", "events", T0, T0, {"path": "x"}, sent=2))
    everything: Sequence[Partition] = [requests, *parts, *letters]
    with_sink(configured, lambda sink: write_all(sink, *everything))
    assert query(database_url, "SELECT status FROM runs")[0][0] == "finished"
    assert [minute.is_closed for minute in stored(database_url).values()] == [True]
    assert sorted(row[0] for row in query(database_url, "SELECT topic FROM outbox")) == [MINUTES.name, RUNS.name]
    assert key(event(1)) in stored(database_url)


def test_an_event_that_becomes_another_services_is_counted_there(configured: Settings, database_url: str) -> None:
    first_service, second_service = event(1, T0 + SECOND), event(1, T0, service="search")
    log = Partition(OPS_EVENTS.name, 0).add(first_service, msgspec.structs.replace(second_service, origin=Origin(1, 0, 2)))
    with_sink(configured, lambda sink: write_all(sink, log, step=1))
    assert [row[0] for row in query(database_url, "SELECT service FROM service_events")] == ["search"]
    counts = "SELECT source, sum(stored)::int, sum(duplicate)::int FROM ledger GROUP BY 1 ORDER BY 1"
    assert [tuple(row) for row in query(database_url, counts)] == [("checkout", 0, 1), ("search", 1, 0)]
