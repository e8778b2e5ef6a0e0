"""Rows made as bytes into a table, by COPY."""

from collections.abc import AsyncIterator, Iterable, Sequence

import asyncpg

from services.writer.sinks.postgres.binary import HEADER, TRAILER
from services.writer.sinks.postgres.connection import Connection


async def copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Stores rows, given in pieces."""
    await connection.copy_to_table(table, source=_framed(rows), columns=columns, format="binary")


async def copy_new(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> bool:
    """Stores rows whose keys are all new; False, with nothing stored, if one is known."""
    try:
        async with connection.transaction():
            await copy(connection, table, columns, rows)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def _framed(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    yield HEADER
    for piece in rows:
        yield piece
    yield TRAILER
