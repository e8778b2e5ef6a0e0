"""A connection to Postgres, and what its faults mean: the world is bad, the batch is too much, or the data is.

Invariant: only what another try of the same statement may not meet again is `Unavailable`. The data's own faults never are: a batch that
has one would be retried for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import asyncpg

from services.writer.protocol import Fenced, Refused, TooMuch
from shared.errors import Unavailable

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection
COMMAND_SECONDS = 60.0
IDLE_SECONDS, FILES_SECONDS = 30, 300  # a session may stand still in a transaction; while files are written and uploaded
# A process that stands still, or a host that is gone without a word, lets go of its locks: an open transaction, a COPY, a network that
# does not answer, and a wait for another's lock all end, each before COMMAND_SECONDS.
_LIMITS = {
    "statement_timeout": "50s",
    "lock_timeout": "20s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}

_UNAVAILABLE = (
    OSError,  # the network; no answer within COMMAND_SECONDS
    asyncpg.InterfaceError,  # the session is closed or in another operation: a new one is opened
    asyncpg.InternalClientError,  # a shutdown in the middle of an answer; a stale cache of the schema
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.SyntaxOrAccessError,  # a table or a right is missing: the migrations are still to be applied
    asyncpg.FeatureNotSupportedError,  # a plan from before a migration
    asyncpg.InvalidSQLStatementNameError,  # a pooler has dropped the statement
    asyncpg.InvalidTransactionStateError,  # a standby since a failover; a session that was ended because it stood still
    asyncpg.TransactionRollbackError,  # a deadlock, a serialization failure
    asyncpg.ObjectNotInPrerequisiteStateError,  # the lock timeout; an object in use
    asyncpg.OperatorInterventionError,  # shutdown, crash, start
    asyncpg.PostgresSystemError,
    asyncpg.DiskFullError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DataCorruptedError,  # the stored rows are damaged, not the batch
    asyncpg.IndexCorruptedError,
)
_TOO_MUCH = (
    asyncpg.QueryCanceledError,  # the statement timeout
    asyncpg.InsufficientResourcesError,  # memory, locks, temporary files
    asyncpg.InternalServerError,  # an allocation above what the server can make is one
    MemoryError,
)


def verdict(fault: Exception) -> Unavailable | Refused:
    """What a fault of the store, or of the work on a batch, means."""
    said = f"{type(fault).__name__}: {fault}"
    if isinstance(fault, asyncpg.QueryCanceledError):
        return TooMuch(said)
    if isinstance(fault, _UNAVAILABLE):
        return Unavailable(f"Postgres: {said}")
    return TooMuch(said) if isinstance(fault, _TOO_MUCH) else Refused(said)


def is_retried(fault: Exception) -> bool:
    """Whether a later try may not meet the fault again."""
    return isinstance(fault, (*_UNAVAILABLE, *_TOO_MUCH))


@contextmanager
def judged() -> Iterator[None]:
    """Raises `Unavailable`, `TooMuch` or `Refused` for whatever goes wrong; `Fenced` passes."""
    try:
        yield
    except (Fenced, Refused, Unavailable):
        raise
    except Exception as fault:
        raise verdict(fault) from fault


@contextmanager
def quiet() -> Iterator[None]:
    """Raises `Unavailable` for what a later try may not meet again: no server, no room, a deadlock, a shutdown. All else passes."""
    try:
        yield
    except (*_UNAVAILABLE, *_TOO_MUCH) as fault:
        raise Unavailable(f"Postgres: {type(fault).__name__}: {fault}") from fault


def limits(idle_seconds: int = IDLE_SECONDS) -> dict[str, str]:
    """The timeouts of a session."""
    return {**_LIMITS, "idle_in_transaction_session_timeout": f"{idle_seconds}s"}


async def connect(url: str, schema: str, *, idle_seconds: int = IDLE_SECONDS, holds: bool = False) -> Connection:
    """One connection whose search path is the schema; times are UTC.

    A session that `holds` a lock of its own also ends when it stands still outside a transaction.
    """
    settings = {"search_path": schema, "timezone": "UTC", "application_name": "tickplant-writer", **limits(idle_seconds)}
    if holds:
        settings["idle_session_timeout"] = f"{idle_seconds}s"
    with quiet():
        return await asyncpg.connect(url, timeout=10, command_timeout=COMMAND_SECONDS, server_settings=settings)
