"""Runs of snapshots on a real broker: left alone while they are being taken, ended by another fetcher where theirs has died."""

import asyncio

from services.fetcher.runner import Runner
from services.fetcher.snapshots.asking import Answer
from services.fetcher.snapshots.recording import Recording
from shared import runs as rules
from shared.events import Run
from shared.records import Row, control_kind, header
from shared.settings import Kafka, Settings, Snapshots
from shared.snapshots import Attempt, Snapshot, attempts
from shared.telemetry.probes import Health
from shared.topics import MARKET_RAW
from tests.fixtures import runs

AT = 1_768_303_934_250_000


async def test_a_snapshot_is_recorded_with_its_responses_untouched_and_their_markers_behind_them(kafka_settings: Kafka) -> None:
    recording = Recording(Settings(kafka=kafka_settings), ["bitcoin", "solana"], ["coingecko", "coincap"])
    await recording.begin()
    answers = [
        Answer("coingecko", "https://x/1", 200, 31, 1, AT, b"{garbage"),
        Answer("coincap", "https://x/2", 200, 40, 1, AT + 50_000, b'{"data":[]}'),
    ]
    failed = Attempt("coingecko", 1, ["bitcoin", "solana"], AT, 31, 200, error="malformed")
    run = await recording.end(Snapshot(AT, AT, ["bitcoin", "solana"], [failed]), answers)
    await recording.close()
    assert (run.status, run.sent) == ("failed", 2)
    assert run.message == "no price of bitcoin, solana: coingecko: malformed"
    records = await runs.records(kafka_settings, MARKET_RAW)
    data = {record.key: record for record in records if control_kind(record.headers) is None}
    for line, answer in enumerate(answers, 1):
        record = data[answer.source.encode()]
        assert (record.value, record.timestamp) == (answer.body, answer.at // 1000)
        assert header(record.headers, "run") == Row(run.run_id, line, 0).header()[1]
        told = {name: header(record.headers, name) for name in ("http_status", "latency_ms", "attempt", "url")}
        assert told == {"http_status": b"200", "latency_ms": str(answer.latency_ms).encode(), "attempt": b"1", "url": answer.url.encode()}
    markers = await runs.markers(kafka_settings)
    assert sorted(markers) == sorted({record.partition for record in data.values()})
    assert all(marker.partitions == sorted(markers) and marker.status == "aborted" for found in markers.values() for marker in found)
    kept = (await runs.states(kafka_settings, run.run_id))[-1]
    assert attempts(kept.result) == [failed]
    assert kept.result["missing"] == ["bitcoin", "solana"]


async def test_a_snapshot_whose_fetcher_has_died_is_ended_and_a_living_one_is_left_alone(kafka_settings: Kafka) -> None:
    settings = Settings(kafka=kafka_settings, snapshots=Snapshots(deadline_seconds=0.1, record_seconds=0.1))
    left = Recording(settings, ["bitcoin"], ["coingecko"])
    await left.begin()
    await left.close()
    stop = asyncio.Event()
    runner = Runner(settings, Health())
    task = asyncio.create_task(runner.run(stop))
    ended = await runs.ended(kafka_settings, left.run.run_id)
    assert (ended.status, ended.message) == ("failed", "the fetcher that took it stopped on the way")
    assert runner.owns(rules.home("snapshots"))
    living = Recording(settings, ["bitcoin"], ["coingecko"])
    await living.begin()
    other = Run("prices-20260113T000000-000001", "prices", "requested", "csv", AT, AT, {"path": "/nowhere"})
    await runs.ask(kafka_settings, other)
    await runs.ended(kafka_settings, other.run_id)  # by now the runner has seen the living one too
    assert [state.status for state in await runs.states(kafka_settings, living.run.run_id)] == ["running"]
    await living.close()
    stop.set()
    await task
