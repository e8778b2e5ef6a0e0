"""A stack of a test's own on the session's broker and database."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.bus import admin
from shared.settings import Kafka
from tests.system.services import Services


@pytest.fixture
def kafka_settings(bootstrap_servers: str) -> Iterator[Kafka]:
    settings = Kafka(bootstrap_servers=bootstrap_servers, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", session_timeout_ms=6000)
    report = asyncio.run(admin.create_topics(settings))
    assert not report.mismatches
    yield settings
    asyncio.run(admin.delete_topics(settings))


@pytest.fixture
def services(kafka_settings: Kafka, database_url: str, tmp_path: Path) -> Iterator[Services]:
    environment = {
        "SNAPSHOTS__INTERVAL_SECONDS": "0",  # nobody outside is asked
        "KAFKA__BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka_settings.topic_prefix,
        "KAFKA__SESSION_TIMEOUT_MS": str(kafka_settings.session_timeout_ms),
        "DATABASE_URL": database_url,
        "FETCHER__ALLOWED_FOLDERS": str(tmp_path),
        "TELEMETRY__REPORT_REQUESTS": "false",  # the ledger then has the test's own data only
    }
    running = Services(environment, tmp_path)
    yield running
    running.close()
