"""Runs of files on a real broker: exactly the file's rows and their markers, whoever carries the run out and however often."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.local.settings import inherited
from shared.partitioning import partition
from shared.records import Row
from shared.settings import Kafka
from shared.topics import MARKET_RAW
from tests.fixtures import runs
from tests.fixtures.servers import Server

DATA = Path(__file__).parents[3] / "shared" / "data"
TRADES = DATA / "binance-btcusdt-trades-2021-01-08.csv"
SESSION = DATA / "coinbase-session-2021-04-17.txt"
HEADER = b"trade_id,price,size,time,is_buyer_maker,symbol=BTC-USDT,zone=UTC\n"
MANY = 200_000


def write_many(path: Path, count: int = MANY) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("trade_id,price,quantity,time,is_buyer_maker\n")
        file.writelines(f"{n},39432.48,0.000263,{1610064000278 + n},true\n" for n in range(count))
    return path


def expected(path: Path, run_id: str, source: str = "binance") -> list[tuple[int, bytes, bytes, Row]]:
    """The file's rows as records, made without the fetcher's code."""
    key = f"{source}|BTC-USDT".encode()
    lines = path.read_bytes().splitlines()[1:]
    return [(partition(key, MARKET_RAW.partitions), key, HEADER + line, Row(run_id, n, 0)) for n, line in enumerate(lines, 2)]


@pytest.mark.skipif(not TRADES.exists(), reason="the recordings are not here")
async def test_a_price_run_publishes_exactly_its_rows_and_markers(kafka_settings: Kafka) -> None:
    run = runs.prices(TRADES)
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, DATA):
        last = await runs.ended(kafka_settings, run.run_id)
    assert (last.status, last.sent, last.bytes_read, last.attempts) == ("published", 2001, TRADES.stat().st_size, 1)
    found = await runs.rows(kafka_settings)
    assert found == expected(TRADES, run.run_id)
    ((number, (marker,)),) = (await runs.markers(kafka_settings)).items()
    assert {number} == {row[0] for row in found}
    assert (marker.run, marker.partitions, marker.status, marker.sent, marker.rejected) == (run.run_id, [number], "finished", 2001, 0)


@pytest.mark.skipif(not SESSION.exists(), reason="the recordings are not here")
async def test_a_session_is_published_frame_by_frame_with_a_marker_in_each_partition(kafka_settings: Kafka) -> None:
    run = runs.frames(SESSION, "coinbase")
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, DATA):
        last = await runs.ended(kafka_settings, run.run_id)
    assert (last.status, last.message) == ("published", "4 connection lines skipped")
    lines = enumerate(SESSION.read_bytes().splitlines(), 1)
    frames = [(number, line) for number, line in lines if not line.startswith(b"wss://")]
    found = await runs.rows(kafka_settings)
    assert [(row.line, value) for _, _, value, row in found] == frames
    used = sorted({number for number, _, _, _ in found})
    marked = await runs.markers(kafka_settings)
    assert len(used) > 1
    assert sorted(marked) == used
    assert all(len(there) == 1 and there[0].partitions == used for there in marked.values())


async def test_a_file_with_a_header_only_still_ends(kafka_settings: Kafka, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("time,price\n")
    run = runs.prices(tmp_path / "none.csv")
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path):
        assert (await runs.ended(kafka_settings, run.run_id)).status == "published"
    ((marker,),) = (await runs.markers(kafka_settings)).values()
    assert (marker.status, marker.sent, len(marker.partitions)) == ("finished", 0, 1)


async def test_a_killed_fetcher_s_run_is_taken_up_and_no_row_is_lost(kafka_settings: Kafka, tmp_path: Path) -> None:
    """
    fetcher 1   rows … progress … rows ✗ (SIGKILL)
    fetcher 2                              rows after the progress … markers
    """
    path = write_many(tmp_path / "many.csv")
    run = runs.prices(path)
    await runs.ask(kafka_settings, run)
    first = runs.FetcherProcess(kafka_settings, tmp_path, inherited())
    await runs.until(kafka_settings, run.run_id, lambda state: 0 < state.sent < MANY)
    first.kill()
    second = runs.FetcherProcess(kafka_settings, tmp_path, inherited())
    last = await runs.ended(kafka_settings, run.run_id)
    assert second.terminate() == 0
    assert (last.status, last.sent, last.attempts) == ("published", MANY, 2)
    found = await runs.rows(kafka_settings)
    wanted = expected(path, run.run_id)
    unique = [row for n, row in enumerate(found) if n == 0 or row != found[n - 1]]
    assert unique == wanted
    assert len(found) < len(wanted) + MANY // 2, "rows before the last progress were sent twice"
    assert [len(there) for there in (await runs.markers(kafka_settings)).values()] == [1]


async def test_a_run_is_handed_over_without_a_row_sent_twice(kafka_settings: Kafka, tmp_path: Path) -> None:
    path = write_many(tmp_path / "many.csv")
    run = runs.prices(path)
    await runs.ask(kafka_settings, run)
    first = runs.FetcherProcess(kafka_settings, tmp_path, inherited())
    await runs.until(kafka_settings, run.run_id, lambda state: 0 < state.sent < MANY)
    assert first.terminate() == 0
    async with runs.fetching(kafka_settings, tmp_path):
        last = await runs.ended(kafka_settings, run.run_id)
    assert (last.status, last.sent, last.attempts) == ("published", MANY, 2)
    assert await runs.rows(kafka_settings) == expected(path, run.run_id)


async def test_kafka_away_for_a_while_loses_nothing(kafka_settings: Kafka, kafka: Server, tmp_path: Path) -> None:
    path = write_many(tmp_path / "many.csv")
    run = runs.prices(path)
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path):
        await runs.until(kafka_settings, run.run_id, lambda state: 0 < state.sent < MANY)
        kafka.kill()
        kafka.start()
        assert (await runs.ended(kafka_settings, run.run_id)).sent == MANY
    found = await runs.rows(kafka_settings)
    assert [row for n, row in enumerate(found) if n == 0 or row != found[n - 1]] == expected(path, run.run_id)


async def test_several_runs_are_carried_out_and_each_only_once(kafka_settings: Kafka, tmp_path: Path) -> None:
    path = write_many(tmp_path / "some.csv", 1000)
    asked = [runs.prices(path, number=n, source=f"s{n}") for n in range(5)]
    await runs.ask(kafka_settings, *asked)
    async with runs.fetching(kafka_settings, tmp_path), runs.fetching(kafka_settings, tmp_path):
        ends = [await runs.ended(kafka_settings, run.run_id) for run in asked]
    assert [end.status for end in ends] == ["published"] * 5
    assert await runs.rows(kafka_settings) == [row for n, run in enumerate(asked) for row in expected(path, run.run_id, f"s{n}")]


async def test_a_finished_run_is_left_alone(kafka_settings: Kafka, tmp_path: Path) -> None:
    path = write_many(tmp_path / "some.csv", 10)
    done, open_ = runs.prices(path, number=1), runs.prices(path, number=2)
    finished = replace(done, status="finished")
    await runs.ask(kafka_settings, done, finished, done, open_)
    async with runs.fetching(kafka_settings, tmp_path):
        await runs.ended(kafka_settings, open_.run_id)
    assert {row.run for _, _, _, row in await runs.rows(kafka_settings)} == {open_.run_id}


async def test_a_file_that_was_changed_before_its_run_was_resumed_fails_it(kafka_settings: Kafka, tmp_path: Path) -> None:
    path = write_many(tmp_path / "some.csv", 10)
    fresh = runs.prices(path, file={"size": 7, "modified_ns": 1})
    run = replace(fresh, status="running", sent=5, attempts=1)
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path):
        last = await runs.ended(kafka_settings, run.run_id)
    assert last.message == "the file is not the one that the run began with: it was changed meanwhile; ingest it again"
    marked = await runs.markers(kafka_settings)
    assert sorted(marked) == list(range(MARKET_RAW.partitions)), "nobody knows which partitions the first attempt used"
    assert {there.status for (there,) in marked.values()} == {"aborted"}


async def test_a_file_waits_for_those_who_read_it(kafka_settings: Kafka, tmp_path: Path) -> None:
    """Nobody reads the raw topic here: the run stops far from its end, says so, and leaves when it is asked to."""
    path = write_many(tmp_path / "many.csv")
    run = runs.prices(path)
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path, most_behind=50_000):
        waiting = await runs.until(kafka_settings, run.run_id, lambda state: state.message != "")
    assert waiting.message == f"waiting: the transformer is {waiting.sent:,} records behind in market.raw.v1"
    assert 50_000 < waiting.sent < 100_000
    assert len(await runs.rows(kafka_settings)) == waiting.sent
