"""A database for each run of a contestant, with the platform's schema or with nothing in it.

Invariant: no run sees another's rows, and the database goes with the run.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.session import Session


@contextmanager
def fresh(session: Session, *, migrated: bool = True) -> Iterator[str]:
    """The URL of a new database."""
    name = session.name("bench").replace("-", "_")
    execute(session.database_url, f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    url = urlunsplit(urlsplit(session.database_url)._replace(path=f"/{name}"))
    try:
        if migrated:
            session.start("migrate", sys.executable, "-m", "services.writer", "migrate", DATABASE_URL=url).wait(60)
        execute(session.database_url, "CHECKPOINT")
        yield url
    finally:
        execute(session.database_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def execute(url: str, *statements: str) -> None:
    """Runs statements, each by itself."""

    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=30)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def fetch(url: str, statement: str, *values: Any) -> list[asyncpg.Record]:
    """The rows of one statement."""

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url, timeout=30)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(run())
