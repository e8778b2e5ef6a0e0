"""Reads what a test's stack has stored and published."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec

from shared.bus import Log
from shared.settings import Kafka
from shared.topics import Topic


def query(url: str, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """The rows of one statement."""

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(run())


def until(found: Callable[[], Any], wanted: Any, seconds: float = 30, explain: Callable[[], str] = str) -> None:
    """Waits until `found()` equals `wanted`."""
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        last = found()
        if last == wanted:
            return
        time.sleep(0.2)
    raise AssertionError(f"after {seconds:g} s: {last!r}, not {wanted!r}\n{explain()}")


def published(kafka: Kafka, topic: Topic) -> list[tuple[bytes | None, Any]]:
    """Key and JSON value of every record of a topic, in no order across partitions."""

    async def run() -> list[tuple[bytes | None, Any]]:
        found: list[tuple[bytes | None, Any]] = []
        async with Log(kafka) as log:
            for place, (first, end) in (await log.ranges(topic)).items():
                async for records in log.read(topic, place, first, end):
                    found += [(record.key, msgspec.json.decode(record.value or b"null")) for record in records]
        return found

    return asyncio.run(run())


def headers(kafka: Kafka, topic: Topic) -> list[dict[str, bytes]]:
    """The headers of every record of a topic."""

    async def run() -> list[dict[str, bytes]]:
        found: list[dict[str, bytes]] = []
        async with Log(kafka) as log:
            for place, (first, end) in (await log.ranges(topic)).items():
                async for records in log.read(topic, place, first, end):
                    found += [dict(record.headers) for record in records]
        return found

    return asyncio.run(run())


def offsets(kafka: Kafka, topic: Topic) -> dict[int, tuple[int, int]]:
    """[first, end) of each partition."""

    async def run() -> dict[int, tuple[int, int]]:
        async with Log(kafka) as log:
            return await log.ranges(topic)

    return asyncio.run(run())
