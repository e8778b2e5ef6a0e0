"""Bars and exchange days on a real server: the newest copy of a bar holds, its candle is the bar itself, a restated day has a revision."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.writer.sinks.postgres import audits, proofs
from services.writer.sinks.postgres.connection import connect
from shared import exchange
from shared.aggregations.candles import fold, same
from shared.events import Bar, Marker, Origin, Run
from shared.settings import Database, Kafka, Settings
from shared.time import DAY, MINUTE, to_datetime
from shared.topics import DEAD_LETTERS, RUNS, TICKS
from tests.fixtures.api import serving
from tests.integration.sink import T0, Partition, Stored, clear, encode, stored_candles, with_sink, write_all
from tests.system.store import query

SOURCE = "polygon-daily-sim"
FIRST, LAST = date(2024, 11, 25), date(2024, 12, 6)


def bar(
    at: int, close: str, *, offset: int, received: int = T0, run: str | None = None, interval: int = MINUTE, source: str = "polygon"
) -> Bar:
    price = Decimal(close)
    prices = (price - 1, price + 1, price - 2, price, Decimal(10), price)
    name = f"{interval // 1_000_000}s@{at}"
    return Bar("AAPL", "AAPL", at, interval, *prices, 3, True, name, 0, source, received, Origin(1, 0, offset), False, run)


@pytest.fixture
def configured(bootstrap_servers: str, database_url: str) -> Settings:
    return Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database(url=database_url))


copies = st.lists(st.tuples(st.integers(0, 3), st.integers(100, 103), st.integers(0, 3)), min_size=1, max_size=25)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(copies, st.integers(1, 9))
def test_of_several_copies_of_a_bar_the_newest_holds_however_they_come(
    configured: Settings, database_url: str, given_copies: list[tuple[int, int, int]], step: int
) -> None:
    clear(database_url)
    query(database_url, "TRUNCATE bars")
    bars = [bar(T0 + n * MINUTE, f"{price}", offset=at, received=T0 + age) for at, (n, price, age) in enumerate(given_copies)]
    with_sink(configured, lambda sink: write_all(sink, Partition(TICKS.name, 0).add(*bars), step=step))
    newest: dict[int, int] = {}
    for each in bars:
        newest[each.event_time] = max(newest.get(each.event_time, 0), each.received_at)
    rows = query(database_url, "SELECT start, close, received_at FROM bars ORDER BY start")
    assert [row["start"] for row in rows] == [to_datetime(at) for at in sorted(newest)]
    for row, at in zip(rows, sorted(newest), strict=True):
        assert row["received_at"] == to_datetime(newest[at])
        assert row["close"] in {each.close for each in bars if (each.event_time, each.received_at) == (at, newest[at])}
    held = {(row["start"], row["close"]) for row in rows}
    folded = fold({each.event_time: each for each in bars if (to_datetime(each.event_time), each.close) in held}.values())
    found = stored_candles(database_url)
    assert all(same(candle, folded[candle.source, candle.symbol, candle.kind, candle.start]) for candle in found)
    assert len(found) == len(newest)
    counts = query(database_url, "SELECT sum(stored), sum(duplicate) FROM ledger")[0]
    assert tuple(counts) == (len(newest), len(bars) - len(newest))


def history(run: str, received: int, *, factor: int = 1) -> list[Bar]:
    """The run's bars: the sessions of its days and the two hundred before them, each a little dearer than the last."""
    days = [*exchange.sessions_before(FIRST, 200), *exchange.sessions(FIRST, LAST)]
    return [
        bar(
            exchange.start_of(day),
            str((100 + n) * factor),
            offset=n + received,
            received=T0 + received,
            run=run,
            interval=DAY,
            source=SOURCE,
        )
        for n, day in enumerate(days)
    ]


def carried_out(run: str, bars: list[Bar], *, last: str = "2024-12-06") -> list[Partition]:
    """What the topics have of a finished run."""
    request = {"tickers": ["aapl"], "start": "2024-11-25", "end": last}
    asked = Run(run, "daily", "published", SOURCE, T0, T0, request, len(bars), result={"requests": 3, "retries": 1})
    marker = Marker(run, "market.raw.v1", [0], "finished", SOURCE, len(bars), "", Origin(1, 0, 10_000_000))
    parts = [Partition(TICKS.name, p) for p in range(TICKS.partitions)]
    parts[0].add(*bars)
    for part in parts:
        part.add(marker)
    letters = [Partition(DEAD_LETTERS.name, p) for p in range(DEAD_LETTERS.partitions)]
    for part in letters:
        part.records.append(Stored(encode(marker), 0, part.place[1], headers=[("ce_type", b"tickplant.marker")]))
    return [*parts, *letters, Partition(RUNS.name, 0).add(asked)]


def again(configured: Settings, database_url: str, parts: list[Partition]) -> None:
    """Another run in a log of its own: positions begin anew, what is stored stays."""
    query(database_url, "TRUNCATE offsets, marks")
    with_sink(configured, lambda sink: write_all(sink, *parts))


async def unproven(database_url: str) -> dict[str, list[tuple[str, str]]]:
    """What of bars and rows the store does not hold together."""
    connection = await connect(database_url, "public")
    try:
        async with proofs.snapshot(connection):
            since = to_datetime(0)
            found = {
                proof.name: await proofs.faults(connection, proof, since, 60)
                for proof in proofs.PROOFS
                if proof.name in ("rows", "bars", "candles")
            }
            differing, _ = await audits.astray(connection, 10, [(SOURCE, "AAPL", "bar", exchange.start_of(LAST))])
    finally:
        await connection.close()
    assert differing == {}
    return {name: wrong for name, wrong in found.items() if wrong}


async def answers(database_url: str) -> tuple[Any, ...]:
    """What the api says after the first run."""
    async with serving(database_url) as api:
        first = await api.get("/daily/aapl")
        pages = await api.pages("/daily/AAPL", limit=2)
        two = await api.get("/daily/AAPL", from_="2024-11-28", to="2024-12-02")
        other = await api.get("/daily/MSFT")
        wrong = await api.http.get("/daily/AAPL", params={"from": "yesterday"})
        ticks = await api.pages("/ticks", symbol="AAPL", kind="bar", limit=50)
        candles = await api.get("/candles", symbol="AAPL", kind="bar", interval="1d", limit=1000)
        runs = await api.get("/runs/daily-1")
    return first, pages, two, other, wrong, ticks, candles, runs


def test_a_finished_run_has_its_days_and_a_restated_day_its_revision(configured: Settings, database_url: str) -> None:
    again(configured, database_url, carried_out("daily-1", history("daily-1", 1)))
    first, pages, two, other, wrong, ticks, candles, runs = asyncio.run(answers(database_url))
    days = first["results"]
    assert [day["date"] for day in days] == [f"{day}" for day in exchange.sessions(FIRST, LAST)]
    assert [row for page in pages for row in page] == days
    assert [day["date"] for day in two["results"]] == ["2024-11-29", "2024-12-02"]
    assert [day["session"] for day in two["results"]] == ["early_close", "regular"]
    assert {(day["market_phase"], day["phase_reason"], day["revision"], day["adjusted"], day["run_id"]) for day in days} == {
        ("markup", None, 1, True, "daily-1")
    }
    assert (days[0]["close"], days[0]["average_50"], days[0]["average_200"]) == (300, Decimal("275.5"), Decimal("200.5"))
    assert other["results"] == []
    assert (wrong.status_code, wrong.json()["parameter"]) == (422, "from")
    assert len([row for page in ticks for row in page]) == 209
    assert [(candle["close"], candle["volume"], candle["trade_count"], candle["is_closed"]) for candle in candles["results"]][-1] == (
        308,
        10,
        3,
        True,
    )
    assert (runs["result"]["requests"], runs["stored"]) == (3, 209)

    # The same again changes nothing; a correction is a second revision; a split restates everything but no phase.
    again(configured, database_url, carried_out("daily-2", history("daily-2", 2)))
    assert query(database_url, "SELECT DISTINCT revision, run FROM daily")[0][:] == (1, "daily-1")
    corrected = [
        replace(each, close=each.close + 1, high=each.high + 1) if n == 205 else each for n, each in enumerate(history("daily-3", 3))
    ]
    again(configured, database_url, carried_out("daily-3", corrected))
    again(configured, database_url, carried_out("daily-4", history("daily-4", 4, factor=3)))
    rows = query(database_url, "SELECT day, revision, close, market_phase, run FROM daily ORDER BY day")
    # The correction moved its own day and, by their averages, the days behind it.
    assert [row["revision"] for row in rows] == [2, 2, 2, 2, 2, 3, 3, 3, 3]
    assert {(row["market_phase"], row["run"]) for row in rows} == {("markup", "daily-4")}
    kept = query(database_url, "SELECT revision, close FROM daily_revisions WHERE day = $1 ORDER BY revision", rows[5]["day"])
    assert [tuple(row) for row in kept] == [(1, Decimal(305)), (2, Decimal(306))]
    assert rows[5]["close"] == Decimal(915)
    assert asyncio.run(unproven(database_url)) == {}
    query(database_url, "UPDATE bars SET close = close + 1 WHERE start = (SELECT max(start) FROM bars)")
    assert list(asyncio.run(unproven(database_url))) == ["bars"]


def test_without_enough_sessions_before_it_a_day_has_no_phase_and_says_why(configured: Settings, database_url: str) -> None:
    again(configured, database_url, carried_out("daily-1", history("daily-1", 1)[50:]))
    rows = query(database_url, "SELECT DISTINCT market_phase, phase_reason FROM daily ORDER BY phase_reason DESC LIMIT 1")
    assert rows[0][0] is None
    assert rows[0][1].endswith("of the 200 sessions before have a close, and not the first of them")
    assert query(database_url, "SELECT count(*) FROM daily")[0][0] == 9


def test_a_run_s_days_are_settled_also_where_its_record_comes_behind_its_markers(configured: Settings, database_url: str) -> None:
    parts = carried_out("daily-1", history("daily-1", 1))
    with_sink(configured, lambda sink: write_all(sink, *parts[:-1]))
    assert query(database_url, "SELECT count(*) FROM daily")[0][0] == 0
    with_sink(configured, lambda sink: write_all(sink, parts[-1]))
    assert query(database_url, "SELECT status, days FROM runs")[0][:] == ("finished", 9)
    assert query(database_url, "SELECT count(*) FROM daily")[0][0] == 9
