"""Topics of a test's own on the session's broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from shared.bus import admin
from shared.settings import Kafka


@pytest.fixture
def kafka_settings(bootstrap_servers: str) -> Iterator[Kafka]:
    """The table's topics under a prefix that no other test uses."""
    settings = Kafka(bootstrap_servers=bootstrap_servers, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", session_timeout_ms=6000)
    assert not asyncio.run(admin.create_topics(settings)).mismatches
    yield settings
    asyncio.run(admin.delete_topics(settings))
