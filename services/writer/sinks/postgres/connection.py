"""A connection to Postgres, with every fault that time can heal as `Unavailable`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

from shared.errors import Unavailable

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection
COMMAND_SECONDS = 60.0

_HEALS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the client makes of a shutdown in the middle of an answer
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
    asyncpg.LockNotAvailableError,
    asyncpg.CannotConnectNowError,
)


@contextmanager
def quiet() -> Iterator[None]:
    """Raises `Unavailable` for what a later try may not meet again: no server, no room, a deadlock, a shutdown."""
    try:
        yield
    except _HEALS as fault:
        raise Unavailable(f"Postgres: {type(fault).__name__}: {fault}") from fault


async def connect(url: str, schema: str) -> Connection:
    """One connection whose search path is the schema; times are UTC."""
    settings = {"search_path": schema, "timezone": "UTC", "application_name": "tickplant-writer"}
    with quiet():
        return await asyncpg.connect(url, timeout=10, command_timeout=COMMAND_SECONDS, server_settings=settings)
