"""Dead letters by the operator's command: listed with their reasons, shown byte for byte, and replayed as the rows that they were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import application
from services.transformer import outputs
from shared.bus import Producer
from shared.errors import Reason, Rejected
from shared.events import Marker, Origin, Run
from shared.partitioning import partition
from shared.records import Record, Row, control_kind
from shared.refusals import one
from shared.settings import Kafka
from shared.topics import DEAD_LETTERS, MARKET_RAW, TRADING_RAW
from tests.fixtures import runs
from tests.fixtures.records import Kept

HEADER = b"time,price,symbol=BTC-USDT,zone=UTC\n"
KEY = b"binance|BTC-USDT"
AT = 1_610_064_000_123
Tickplant = Callable[..., Result]


@pytest.fixture
def tickplant(kafka_settings: Kafka, tmp_path: Path) -> Tickplant:
    """The command, on this test's topics."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka_settings.topic_prefix,
        "TICKPLANT_HOME": str(tmp_path),
        "COLUMNS": "200",
    }

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(application(), arguments, env=environment)

    return run


def row(offset: int, value: bytes, line: int, n: int = 0, run: str = "prices-20210108T000000-000001") -> Record:
    return Kept(offset, AT, KEY, HEADER + value, (Row(run, line, n).header(),), partition(KEY, 12))


def live(offset: int, frame: bytes) -> Record:
    return Kept(offset, AT, b"coinbase|BTC-USD", frame, (), partition(b"coinbase|BTC-USD", 12))


def reject(kafka: Kafka, *given: tuple[Record, Reason, str, int]) -> None:
    """Dead-letters records as the transformer does: record, reason, message, index of the value in the record."""

    async def publish() -> None:
        async with Producer(kafka, client_id="test") as producer:
            for record, reason, message, index in given:
                source = (record.key or b"").split(b"|")[0].decode()
                origin = Origin(1, record.partition, record.offset, index)
                letter = outputs.dead_letter(MARKET_RAW, record, one(Rejected(reason, message)), origin, source, record.timestamp * 1000)
                producer.add(letter.topic, letter.partition, letter.key, letter.value, letter.headers)
            for marker in outputs.markers(Marker("prices-20210108T000000-000001", MARKET_RAW.name, [0], "finished")):
                producer.add(marker.topic, marker.partition, marker.key, marker.value, marker.headers)
            producer.add(DEAD_LETTERS, 0, KEY, b"5" * 1024, [("error_reason", b"too_large"), ("origin", b"fetcher/prices-1/7")])
            await producer.flush()

    asyncio.run(publish())


def replayed(kafka: Kafka, tickplant: Tickplant, *arguments: str) -> list[Run]:
    """Asks for a replay and has it carried out; the runs as they ended."""

    async def carry_out(asked: list[str]) -> list[Run]:
        async with runs.fetching(kafka):
            return [await runs.ended(kafka, run_id) for run_id in asked]

    result = tickplant("dlq", "replay", *arguments)
    assert result.exit_code == 0, result.output
    return asyncio.run(carry_out([line for line in result.output.splitlines() if line.startswith(("prices-", "frames-", "orders-"))]))


def test_dead_letters_are_listed_with_their_reasons_and_markers_are_not(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    reject(
        kafka_settings,
        (row(5, b"1610064000278,-1", 2), "bad_price", "price '-1' is not above zero", 0),
        (live(6, b"{}"), "unknown_type", "coinbase frame with type=''", 0),
    )
    listed = tickplant("dlq", "list").output
    assert "bad_price" in listed
    assert "prices-20210108T000000-000001:2" in listed
    assert "coinbase frame with type=''" in listed
    assert "3 dead letters" in listed
    assert "1 dead letters" in tickplant("dlq", "list", "--reason", "bad_price").output
    assert "1 dead letters" in tickplant("dlq", "list", "--run", "prices-20210108T000000-000001").output
    assert "3 dead letters, the newest 1 shown" in tickplant("dlq", "list", "--limit", "1").output


def test_a_dead_letter_is_shown_by_place_or_origin_with_its_bytes(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    reject(kafka_settings, (row(5, b"1610064000278,\xff1", 2), "bad_encoding", "byte 0xff at 51 of the row is not UTF-8", 0))
    number = partition(KEY, 12)
    shown = tickplant("dlq", "show", f"market.raw.v1/1/{number}/5/0").output
    assert shown == tickplant("dlq", "show", f"{number}:0").output
    assert "reason:      bad_encoding\nmessage:     byte 0xff at 51 of the row is not UTF-8\n" in shown
    assert "run:         prices-20210108T000000-000001:2:0\n" in shown
    assert shown.endswith("time,price,symbol=BTC-USDT,zone=UTC\n1610064000278,\\xff1\n")
    assert tickplant("dlq", "show", "--raw", f"{number}:0").stdout_bytes == HEADER + b"1610064000278,\xff1"
    missing = tickplant("dlq", "show", "3:99")
    assert (missing.exit_code, missing.stderr) == (1, "there is no dead letter 3:99\n")


def test_rows_are_replayed_with_their_bytes_key_line_and_n(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    reject(
        kafka_settings,
        (row(5, b"1610064000278,5", 2), "unknown_symbol", "…", 0),
        (row(6, b"1610064000278,5", 3, 1), "unknown_symbol", "…", 0),
        (row(6, b"1610064000278,5", 3, 1), "unknown_symbol", "…", 0),  # repeated after a crash
        (row(7, b"1610064000278,-1", 4), "bad_price", "…", 0),
    )
    (run,) = replayed(kafka_settings, tickplant, "--reason", "unknown_symbol")
    assert (run.run_kind, run.status, run.sent, run.message, run.source) == ("replay", "published", 2, "2 dead letters replayed", "binance")
    number = partition(KEY, 12)
    assert asyncio.run(runs.rows(kafka_settings)) == [
        (number, KEY, HEADER + b"1610064000278,5", Row(run.run_id, 2, 0)),
        (number, KEY, HEADER + b"1610064000278,5", Row(run.run_id, 3, 1)),
    ]
    ((marker,),) = asyncio.run(runs.markers(kafka_settings)).values()
    assert (marker.run, marker.partitions, marker.status, marker.sent) == (run.run_id, [number], "finished", 2)


def test_rows_of_orders_and_what_was_posted_come_back_to_the_raw_topic_of_trading(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    header, key = b"symbol,bid,ask,timestamp,file=nbbo,zone=UTC\n", b"KO"
    given = [
        Kept(5, AT, key, header + b"KO,62.14,62.16,yesterday", (Row("orders-20210108T000000-000001", 7, 0).header(),), partition(key, 12)),
        Kept(6, AT, key, header + b"KO,62.14,62.16,2021-01-08T00:00:00Z", (), partition(key, 12)),
    ]

    async def publish() -> None:
        async with Producer(kafka_settings, client_id="test") as producer:
            for record in given:
                origin = Origin(1, record.partition, record.offset, 0)
                letter = outputs.dead_letter(
                    TRADING_RAW, record, one(Rejected("bad_timestamp", "…")), origin, "nbbo", record.timestamp * 1000
                )
                producer.add(letter.topic, letter.partition, letter.key, letter.value, letter.headers)
            await producer.flush()

    asyncio.run(publish())
    (run,) = replayed(kafka_settings, tickplant, "--reason", "bad_timestamp")
    assert (run.run_kind, run.status, run.sent) == ("replay", "published", 2)
    found = [record for record in asyncio.run(runs.records(kafka_settings, TRADING_RAW)) if control_kind(record.headers) is None]
    headers = [Row(run.run_id, 7, 0).header(), Row(run.run_id, 2, 0).header()]
    assert [(record.partition, record.key, record.value, list(record.headers)) for record in found] == [
        (record.partition, key, record.value, [row]) for record, row in zip(given, headers, strict=True)
    ]


def test_a_live_record_is_replayed_as_a_recorded_frame_with_its_receive_time(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    reject(
        kafka_settings,
        (live(6, b'{"type":"new"}'), "unknown_type", "…", 0),
        (live(6, b'{"type":"new"}'), "unknown_type", "…", 1),
    )
    (run,) = replayed(kafka_settings, tickplant, "--reason", "unknown_type")
    ((number, key, value, row),) = asyncio.run(runs.rows(kafka_settings))
    assert run.run_id.startswith("frames-")
    assert (number, key, row.run, row.n) == (partition(b"coinbase|BTC-USD", 12), b"coinbase|BTC-USD", run.run_id, 0)
    assert value == b'1610064000.123000: {"type":"new"}'


def test_one_place_can_be_replayed_alone_and_what_was_not_kept_cannot(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    reject(
        kafka_settings,
        (row(5, b"1610064000278,5", 2), "bad_price", "…", 0),
        (row(6, b"1610064000279,5", 3), "bad_price", "…", 0),
    )
    (run,) = replayed(kafka_settings, tickplant, f"{partition(KEY, 12)}:1")
    assert [row.line for _, _, _, row in asyncio.run(runs.rows(kafka_settings))] == [3]
    assert run.sent == 1
    refused = tickplant("dlq", "replay", "--reason", "too_large")
    assert (refused.exit_code, refused.stderr) == (1, "no dead letter to replay (1 cannot be: too large to be kept, or no data)\n")
    wrong = tickplant("dlq", "replay", "seven")
    assert wrong.stderr == "'seven' is no place: PARTITION:OFFSET, as `tickplant dlq list` shows it\n"
