"""`tickplant fetch daily` and `backfill`: what is published, and what is said when something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.local.ports import free_ports
from services.cli.main import application
from shared import runs as shared_runs
from shared.events import Run
from shared.settings import Kafka
from shared.topics import RUNS
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


def published(kafka: Kafka) -> list[Run]:
    return [run for record in asyncio.run(runs.records(kafka, RUNS)) if (run := shared_runs.read(record.value))]


def test_a_request_for_days_says_everything(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    result = tickplant("fetch", "daily", "--from", "2024-11-25", "--to", "2024-11-29", "--tickers", "aapl,MSFT,AAPL", "--no-wait")
    (run,) = published(kafka_settings)
    assert result.output == f"{run.run_id}\n"
    assert (run.run_kind, run.status, run.source) == ("daily", "requested", "polygon-daily")
    assert run.request == {"tickers": ["AAPL", "MSFT"], "start": "2024-11-25", "end": "2024-11-29"}


def test_without_tickers_the_settings_are_asked_for_and_what_is_simulated_says_so(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    tickplant("fetch", "daily", "--from", "2024-11-29", "--no-wait", POLYGON__TICKERS="TSLA,IBM", POLYGON__SIMULATED="true")
    tickplant("fetch", "daily", "--from", "2024-11-29", "--no-wait")
    first, second = sorted(published(kafka_settings), key=lambda run: run.requested_at)
    assert (first.source, first.request) == ("polygon-daily-sim", {"tickers": ["TSLA", "IBM"], "start": "2024-11-29", "end": "2024-11-29"})
    assert second.request["tickers"] == ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA"]


def test_a_backfill_asks_for_a_span_of_moments(kafka_settings: Kafka, tickplant: Tickplant) -> None:
    tickplant("backfill", "--source", "polygon", "--symbol", "aapl", "--from", "2024-11-29", "--to", "2024-11-29T15:00:00Z", "--no-wait")
    (run,) = published(kafka_settings)
    assert (run.run_kind, run.source) == ("backfill", "polygon")
    assert run.request == {"symbol": "AAPL", "start": 1_732_838_400_000_000, "end": 1_732_892_400_000_000}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fetch daily --from 29.11.2024", "--from '29.11.2024' is no day, like 2024-11-29"),
        ("fetch daily --from 2024-11-29 --to 2024-11-28", "--from 2024-11-29 is after --to 2024-11-28"),
        ("fetch daily --from 2024-11-29 --tickers ../x", "--tickers: symbol '../x' is neither BASE-QUOTE (BTC-USD) nor a ticker (AAPL)"),
        ("fetch daily --from 2024-11-29 --tickers ,", "--tickers names none"),
        ("backfill --source x --symbol A --from 2024-11-29 --to 2024-11-30", "--source 'x' cannot be asked for its past; these can:"),
        ("backfill --source polygon --symbol A --from 2024-11-29 --to 2024-11-29", "--from 2024-11-29 is not before --to 2024-11-29"),
        ("backfill --source polygon --symbol A --from now --to 2024-11-29", "timestamp 'now' is not ISO-8601"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_published(arguments: str, message: str, kafka_settings: Kafka, tickplant: Tickplant) -> None:
    result = tickplant(*arguments.split())
    assert result.exit_code == 1
    assert result.stderr.startswith(message), result.stderr
    assert published(kafka_settings) == []
