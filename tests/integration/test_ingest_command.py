"""`tickplant ingest`, `topics` and `asyncapi`: what is published, and what is said when something is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.local.ports import free_ports
from services.cli.main import application
from shared import runs as shared_runs
from shared.events import Run
from shared.providers import PROVIDERS
from shared.settings import Kafka
from shared.topics import RUNS, TOPICS
from tests.fixtures import runs

Tickplant = Callable[..., Result]


@pytest.fixture
def tickplant(kafka_settings: Kafka, tmp_path: Path) -> Tickplant:
    """The command, on this test's topics and with no api."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka_settings.topic_prefix,
        "TICKPLANT_HOME": str(tmp_path / "home"),
        "API_PORT": str(free_ports(1)[0]),
    }

    def run(*arguments: str, **others: str) -> Result:
        return CliRunner().invoke(application(), arguments, env=environment | others)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.csv"
    path.write_text("when,px\n1610064000278,5\n")
    return path


def published(kafka: Kafka) -> list[Run]:
    return [run for record in asyncio.run(runs.records(kafka, RUNS)) if (run := shared_runs.read(record.value))]


def test_a_price_file_s_request_says_everything(kafka_settings: Kafka, tickplant: Tickplant, file: Path) -> None:
    options = ("--source", "binance", "--symbol", "BTC-USDT", "--column", "price=px", "--column", "time=when", "--timezone", "Asia/Tokyo")
    result = tickplant("ingest", "prices", str(file), *options)
    (run,) = published(kafka_settings)
    assert result.output == f"{run.run_id}\n"
    assert run.run_id.startswith("prices-")
    assert (run.run_kind, run.status, run.source) == ("prices", "requested", "binance")
    assert run.request == {
        "path": str(file.resolve()),
        "symbol": "BTC-USDT",
        "columns": {"price": "px", "time": "when"},
        "timezone": "Asia/Tokyo",
    }


def test_an_address_is_passed_on_as_it_is(kafka_settings: Kafka, tickplant: Tickplant, file: Path) -> None:
    tickplant("ingest", "orders", "--orders", "s3://bucket/orders.csv", "--trades", "https://example.com/t.csv", "--nbbo", str(file))
    (run,) = published(kafka_settings)
    given = run.request
    assert (given["orders"], given["trades"], given["nbbo"]) == ("s3://bucket/orders.csv", "https://example.com/t.csv", str(file))


def test_what_the_command_asks_for_the_fetcher_does(kafka_settings: Kafka, tickplant: Tickplant, file: Path) -> None:
    async def carry_out(run_id: str) -> Run:
        async with runs.fetching(kafka_settings, file.parent):
            return await runs.ended(kafka_settings, run_id)

    run_id = tickplant("ingest", "prices", str(file), "--source", "a", "--symbol", "X-Y", "--header", "price,time").output.strip()
    assert asyncio.run(carry_out(run_id)).status == "published"
    values = [value for _, _, value, _ in asyncio.run(runs.rows(kafka_settings))]
    assert values == [b"price,time,symbol=X-Y,zone=UTC\nwhen,px", b"price,time,symbol=X-Y,zone=UTC\n1610064000278,5"]


def test_frames_have_their_provider_s_source(kafka_settings: Kafka, tickplant: Tickplant, file: Path) -> None:
    tickplant("ingest", "frames", str(file), "--provider", "coinbase")
    tickplant("ingest", "frames", str(file), "--provider", "coinbase", "--source", "coinbase-2")
    assert sorted(run.source for run in published(kafka_settings)) == ["coinbase", "coinbase-2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prices", "{file}.absent", "--source", "a"), "there is no file {file}.absent"),
        (("prices", "{folder}", "--source", "a"), "{folder} is not a file"),
        (
            ("orders", "--nbbo", "s3://bucket"),
            "s3://bucket is no address of a file, like s3://bucket/folder/trades.csv or https://data.example.com/trades.csv",
        ),
        (("prices", "{file}", "--source", "A b"), "--source 'A b' must be lower-case letters, digits and dashes, at most 64"),
        (("prices", "{file}", "--source", "a", "--column", "px"), "--column 'px' must be our name = the file's, like price=px"),
        (("frames", "{file}", "--provider", "mtgox"), "--provider 'mtgox' is none of {venues}"),
        (
            ("frames", "{file}", "--provider", "coinbase", "--source", "binance"),
            "--source 'binance' must be 'coinbase' or begin with 'coinbase-': it tells how the frames are read",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_published(
    arguments: tuple[str, ...], message: str, kafka_settings: Kafka, tickplant: Tickplant, file: Path
) -> None:
    names = {"file": str(file), "folder": str(file.parent), "venues": ", ".join(name for name in PROVIDERS if name != "prices-csv")}
    result = tickplant("ingest", *(argument.format(**names) for argument in arguments))
    assert (result.exit_code, result.stderr.strip()) == (1, message.format(**names))
    assert published(kafka_settings) == []


def test_without_kafka_it_says_what_to_do(tickplant: Tickplant, file: Path) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    for command in (("ingest", "prices", str(file), "--source", "a"), ("dlq", "list"), ("topics",), ("topics", "create")):
        result = tickplant(*command, KAFKA_BOOTSTRAP_SERVERS=address)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Kafka at {address} does not answer; start the stack with: tickplant up\n")


def test_topics_are_compared_with_the_table(tickplant: Tickplant, kafka_settings: Kafka) -> None:
    shown = tickplant("topics")
    assert shown.exit_code == 0, shown.stderr
    assert [line.split()[0] for line in shown.output.splitlines()[1:]] == [topic.name for topic in TOPICS]
    assert tickplant("topics", "create").output == f"0 created, {len(TOPICS)} there already\n"
    missing = tickplant("topics", KAFKA__TOPIC_PREFIX="nowhere.")
    assert missing.exit_code == 1
    assert "market.raw.v1: not in the cluster; make it with: tickplant topics create\n" in missing.stderr


def test_the_asyncapi_document_is_json_and_needs_no_stack(tickplant: Tickplant) -> None:
    result = tickplant("asyncapi", KAFKA_BOOTSTRAP_SERVERS="nowhere:1")
    assert json.loads(result.output)["servers"] == {"kafka1": {"host": "nowhere:1", "protocol": "kafka"}}
