"""The Postgres sink on a real server: whatever order, batching and repetition, the stored candles are the fold of the distinct facts."""

import asyncio
import time
from decimal import Decimal

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.writer.batch import precedence
from services.writer.protocol import Fenced
from services.writer.sinks.postgres import PostgresSink, candles
from shared.aggregations.candles import fold, merge, same
from shared.events import GivenUp, IndexPrice, Marker, Origin, Run, Tick, Trade
from shared.settings import Database, Kafka, Settings
from shared.telemetry import metrics
from shared.time import HOUR, MINUTE, SECOND, to_datetime
from shared.topics import CANDLES, DEAD_LETTERS, RUNS, SOURCES, TICKS
from tests.integration.sink import T0, Partition, Stored, clear, encode, store, stored_candles, with_sink, write_all
from tests.system.store import query


def trade(
    number: int,
    at: int = T0,
    *,
    offset: int | None = None,
    received_at: int = 0,
    price: str = "100",
    run: str | None = None,
    late: bool = False,
) -> Trade:
    origin = Origin(1, 0, number if offset is None else offset)
    return Trade(
        "BTC-USD", "BTCUSD", at, Decimal(price), Decimal("0.5"), "buy", str(number), number, "binance", received_at or at, origin, late, run
    )  # fmt: skip


@pytest.fixture
def configured(bootstrap_servers: str, database_url: str) -> Settings:
    return Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database(url=database_url))


prices = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(1000), places=8)
facts = st.lists(
    st.builds(lambda n, at, p: trade(n, T0 + at, price=str(p)), st.integers(1, 30), st.integers(0, 3 * MINUTE), prices),
    min_size=1,
    max_size=40,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(ticks=facts, step=st.integers(1, 15), order=st.randoms(use_true_random=False))
def test_any_order_batching_and_repetition_stores_the_same_candles(
    configured: Settings, database_url: str, ticks: list[Trade], step: int, order: object
) -> None:
    clear(database_url)
    distinct: dict[tuple[int, str], Trade] = {}
    for tick in ticks:  # an id restated on another day is another fact; on the same day the first received holds
        distinct.setdefault((tick.event_time // (24 * HOUR), tick.trade_id), tick)
    sent = [msgspec.structs.replace(t, received_at=T0 + n, origin=Origin(1, 0, n)) for n, t in enumerate(ticks)]
    shuffled = sent[:]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    again = [msgspec.structs.replace(tick, origin=Origin(1, 0, n)) for n, tick in enumerate(shuffled)]
    log = Partition(TICKS.name, 0).add(*again)
    with_sink(configured, lambda sink: write_all(sink, log, step=step))
    expected = sorted(fold(distinct.values()).values(), key=candles.key)
    found = stored_candles(database_url)
    assert [candles.key(c) for c in found] == [candles.key(c) for c in expected]
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))
    counts = query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]
    assert tuple(counts) == (len(distinct), len(ticks) - len(distinct))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(a=facts, b=facts)
def test_the_merge_in_sql_is_the_merge_in_python(database_url: str, a: list[Trade], b: list[Trade]) -> None:
    """Partials of any facts, even overlapping ones: both merges add what they are given."""
    clear(database_url)
    left, right = fold(a), fold(b)

    async def run() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            for part in (left, right):
                await candles.merge(connection, part.values(), set())
        finally:
            await connection.close()

    asyncio.run(run())
    expected = {k: merge(left[k], right[k]) if k in left and k in right else left.get(k) or right[k] for k in left.keys() | right.keys()}
    found = {candles.key(c): c for c in stored_candles(database_url)}
    assert found.keys() == expected.keys()
    for key, candle in expected.items():
        assert same(found[key], candle)
        assert found[key].late_count == candle.late_count


def test_transformer_output_sent_again_is_dropped_and_not_counted(configured: Settings, database_url: str) -> None:
    ticks = [trade(number, T0 + number) for number in range(10)]
    log = Partition(TICKS.name, 0).add(*ticks, *ticks[3:], trade(10, T0 + 10))
    with_sink(configured, lambda sink: write_all(sink, log, step=7))
    assert tuple(query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]) == (11, 0)


def test_of_two_copies_the_first_received_holds_and_its_minute_is_folded_again(configured: Settings, database_url: str) -> None:
    later = trade(1, T0 + 5, price="100", received_at=T0 + 20, offset=1)
    earlier = trade(1, T0 + 5, price="99", received_at=T0 + 10, offset=3)
    log = Partition(TICKS.name, 0).add(later, trade(2, T0 + 6, offset=2, price="101"), earlier)
    log.records[2], log.records[1] = log.records[1], log.records[2]
    log = Partition(TICKS.name, 0).add(
        later, trade(2, T0 + 6, offset=2, price="101"), msgspec.structs.replace(earlier, origin=Origin(1, 0, 3))
    )
    with_sink(configured, lambda sink: write_all(sink, log, step=1))
    candle = stored_candles(database_url)[0]
    assert (candle.open, candle.low, candle.tick_count) == (Decimal(99), Decimal(99), 2)
    assert query(database_url, "SELECT price FROM ticks WHERE id = '1'")[0][0] == 99
    assert tuple(query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]) == (2, 1)


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("turned", [False, True])
def test_copies_received_at_the_same_time_end_the_same_however_they_come(
    configured: Settings, database_url: str, step: int, turned: bool
) -> None:
    copies = [trade(1, T0, price=price, received_at=T0 + 9) for price in ("7", "100", "1E+2", "55")]
    ordered = copies[::-1] if turned else copies
    log = Partition(TICKS.name, 0).add(*(msgspec.structs.replace(copy, origin=Origin(1, 0, n)) for n, copy in enumerate(ordered)))
    with_sink(configured, lambda sink: write_all(sink, log, step=step))
    winner = min(copies, key=precedence)
    assert query(database_url, "SELECT price FROM ticks")[0][0] == winner.price
    assert stored_candles(database_url)[0].close == winner.price
    assert tuple(query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]) == (1, 3)


def test_what_cannot_be_read_is_kept_as_a_dead_letter_and_stops_nothing(configured: Settings, database_url: str) -> None:
    logs = [Partition(topic, 0) for topic in (TICKS.name, CANDLES.name, RUNS.name, SOURCES.name)]
    for log in logs:
        for junk in (b"{", b"\xff", b'{"kind":"surprise"}'):
            log.records.append(Stored(junk, len(log.records)))
    logs[0].add(trade(1, T0, offset=9))
    with_sink(configured, lambda sink: write_all(sink, *logs))
    assert query(database_url, "SELECT count(*), count(DISTINCT origin) FROM dead_letters WHERE reason = 'malformed'")[0][:] == (12, 12)
    assert query(database_url, "SELECT count(*) FROM ticks")[0][0] == 1


def test_a_replica_that_lost_its_partition_writes_nothing(configured: Settings, database_url: str) -> None:
    log = Partition(TICKS.name, 0).add(*(trade(number, T0 + number) for number in range(4)))

    async def race(first: PostgresSink) -> None:
        second = PostgresSink(configured)
        await second.connect()
        for sink in (first, second):
            await sink.positions({log.place: (0, 4)})
        await store(second, log.since(0))
        with pytest.raises(Fenced):
            await store(first, log.since(0))
        assert await first.positions({log.place: (0, 4)}) == {log.place: 4}
        await second.close()

    with_sink(configured, race)
    assert tuple(query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]) == (4, 0)


def test_records_that_the_log_lost_are_written_down_as_a_gap(configured: Settings, database_url: str) -> None:
    log = Partition(TICKS.name, 3).add(*(trade(number, T0 + number) for number in range(8)))

    async def lose(sink: PostgresSink) -> None:
        await sink.positions({log.place: (0, 2)})
        await store(sink, {log.place: log.records[:2]})
        assert await sink.positions({log.place: (5, 8)}) == {log.place: 5}
        await store(sink, {log.place: log.records[5:]})

    with_sink(configured, lose)
    assert tuple(query(database_url, "SELECT partition, first_lost, next_kept FROM log_gaps")[0]) == (3, 2, 5)
    assert query(database_url, "SELECT count(*) FROM ticks")[0][0] == 5


def test_a_tick_on_time_for_a_window_that_was_given_up_publishes_the_corrected_candle(configured: Settings, database_url: str) -> None:
    ticks, candles = Partition(TICKS.name, 0).add(trade(1, T0 + 1)), Partition(CANDLES.name, 0)
    candles.add(GivenUp("binance", "BTC-USD", "trade", MINUTE, T0, Origin(1, 0, 1)))

    async def counts() -> list[int]:
        values = await asyncio.to_thread(query, database_url, "DELETE FROM outbox RETURNING value")  # the relay's work
        return [msgspec.json.decode(row["value"])["tick_count"] for row in values]

    async def work(sink: PostgresSink) -> None:
        await sink.positions({ticks.place: (0, 3), candles.place: (0, 1)})
        await store(sink, {**ticks.since(0), **candles.since(0)})
        assert await counts() == [1]
        ticks.add(trade(2, T0 + 2))
        await store(sink, ticks.since(1))
        assert await counts() == [2]
        ticks.add(trade(3, T0 + MINUTE))  # of a window that is open: the stream publishes it
        await store(sink, ticks.since(2))
        assert await counts() == []

    with_sink(configured, work)


def test_a_live_candle_is_closed_once_its_ticks_are_stored_and_differences_are_counted(configured: Settings, database_url: str) -> None:
    ticks: list[Tick] = [trade(number, T0 + number) for number in range(3)]
    live = next(iter(fold(ticks).values()))
    right = msgspec.structs.replace(live, is_closed=True, last_origin=Origin(1, 0, 2))
    wrong = msgspec.structs.replace(right, close=Decimal(7))
    closings = Partition(CANDLES.name, 0).add(right)
    log = Partition(TICKS.name, 0).add(*ticks)

    async def close(sink: PostgresSink) -> None:
        await write_all(sink, closings)
        assert (await asyncio.to_thread(query, database_url, "SELECT count(*) FROM closings"))[0][0] == 1
        await write_all(sink, log)
        closings.add(wrong)
        await write_all(sink, closings)

    with_sink(configured, close)
    assert query(database_url, "SELECT count(*) FROM closings")[0][0] == 0
    assert [c.is_closed for c in stored_candles(database_url)] == [True]
    assert query(database_url, "SELECT sum(mismatch) FROM ledger")[0][0] == 1


def test_a_closing_waits_for_the_very_tick_that_it_ends_with(configured: Settings, database_url: str) -> None:
    ticks: list[Tick] = [trade(number, T0 + number) for number in range(3)]
    ticks.append(msgspec.structs.replace(trade(3, T0 + 3), origin=Origin(1, 0, 2, 1)))  # of the same raw record as the one before
    live = next(iter(fold(ticks).values()))
    closings = Partition(CANDLES.name, 0).add(msgspec.structs.replace(live, is_closed=True, last_origin=Origin(1, 0, 2, 1)))
    log = Partition(TICKS.name, 0)

    async def waiting() -> int:
        return int((await asyncio.to_thread(query, database_url, "SELECT count(*) FROM closings"))[0][0])

    async def close(sink: PostgresSink) -> None:
        await write_all(sink, closings)
        await sink.positions({log.place: (0, len(ticks))})
        left = []
        for at, tick in enumerate(ticks):
            log.add(tick)
            await store(sink, log.since(at))
            left.append(await waiting())
        assert left == [1, 1, 1, 0]

    with_sink(configured, close)
    assert [candle.is_closed for candle in stored_candles(database_url)] == [True]
    assert query(database_url, "SELECT coalesce(sum(mismatch), 0) FROM ledger")[0][0] == 0


def test_a_run_is_finished_by_its_last_marker_whoever_stores_it(configured: Settings, database_url: str) -> None:
    """Two replicas hold the derived partitions; each stores half of the markers at the same time, again and again."""
    run, at = "prices-1", to_datetime(T0)
    requests = Partition(RUNS.name, 0).add(Run(run, "prices", "published", "binance", T0, T0, {"path": "x"}, sent=2))
    marker = Marker(run, "market.raw.v1", [0], "finished", "binance", 2, "", Origin(1, 0, 9))
    parts = [Partition(TICKS.name, p) for p in range(TICKS.partitions)]
    parts[0].add(trade(1, T0, run=run), trade(2, T0 + 1, run=run))
    letters = [Partition(DEAD_LETTERS.name, p) for p in range(DEAD_LETTERS.partitions)]
    for part in parts:
        part.add(marker)
    for part in letters:
        part.records.append(Stored(encode(marker), 0, part.place[1], headers=[("ce_type", b"tickplant.marker")]))

    async def both(first: PostgresSink) -> None:
        second = PostgresSink(configured)
        await second.connect()
        await write_all(first, requests)
        await asyncio.gather(write_all(first, *parts), write_all(second, *letters))
        await second.close()

    with_sink(configured, both)
    row = query(database_url, "SELECT status, sent, requested_at FROM runs")[0]
    assert tuple(row) == ("finished", 2, at)
    assert [c.is_closed for c in stored_candles(database_url)] == [True]
    assert query(database_url, "SELECT count(*) FROM candle_runs")[0][0] == 0
    assert sorted(r[0] for r in query(database_url, "SELECT topic FROM outbox")) == [CANDLES.name, RUNS.name]


def test_a_candle_stays_open_while_a_run_that_touched_it_goes_on(configured: Settings, database_url: str) -> None:
    log = Partition(TICKS.name, 0).add(trade(1, T0, run="prices-2"), trade(2, T0 + 1, run="prices-2"))
    with_sink(configured, lambda sink: write_all(sink, log))
    assert [c.is_closed for c in stored_candles(database_url)] == [False]


def test_latency_is_told_of_new_ticks_only_and_of_a_reference_price_since_its_receipt(configured: Settings, database_url: str) -> None:
    now = time.time_ns() // 1000
    ticks = [trade(n, now - SECOND) for n in (1, 2)]
    again = [trade(n, now - SECOND, offset=n + 10) for n in (1, 2)]
    index = IndexPrice("BTC-USD", "bitcoin", now - HOUR, Decimal(100), "x", 0, "coingecko", now - SECOND, Origin(1, 0, 20))
    log = Partition(TICKS.name, 0).add(*ticks, *again, index)
    before = told()
    with_sink(configured, lambda sink: write_all(sink, log, step=2))
    after = told()
    assert after[0] - before[0] == 3
    assert 3 <= after[1] - before[1] < 600


def told() -> tuple[float, float]:
    """How many latencies the process has told of, and their sum in seconds."""
    [family] = metrics.QUERYABLE_SECONDS.collect()
    found = {sample.name.rpartition("_")[2]: sample.value for sample in family.samples}
    return found["count"], found["sum"]
