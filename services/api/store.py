"""The sessions that the statements of `queries` are asked in.

Invariant: a session can only read, and a statement ends in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
import msgspec

from services.api import queries
from services.api.candles import Place
from services.api.coverage import Coverage
from services.api.kept import Kept, Recent
from shared.errors import Unavailable
from shared.settings import Database
from shared.time import SECOND

CONNECT_SECONDS = 3.0
ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 8.0
CHUNK = 1000
RECENT_SECONDS = 1.0
_PG_EPOCH = 946_684_800 * SECOND  # 2000-01-01, where Postgres counts from

Made = tuple[msgspec.Raw, Place | None]  # the rows of a page, and where it ends if there are more
Standing = Mapping[tuple[str, str], Sequence[tuple[str, str]]]  # kind and flag, in order, of a source and symbol
Take = Callable[[Sequence[asyncpg.Record]], bool]


class Store:
    """The pool of reading sessions: it connects when it is first asked, and again after an outage. The rest is what was read before."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], candles: Kept[msgspec.Raw], pages: Kept[Made]) -> None:
        self._pool = pool
        self.candles, self.pages = candles, pages
        self.coverage = Recent[Coverage](RECENT_SECONDS)
        self.standing = Recent[Standing](RECENT_SECONDS)

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """All rows of one statement; raises `Unavailable`."""
        with _unavailable():
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                return await connection.fetch(sql, *values)

    async def scan(self, sql: str, *values: Any, take: Take) -> None:
        """Hands the rows to `take` in chunks, all of one snapshot, until it says that it wants no more; raises `Unavailable`."""
        with _unavailable():
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction(readonly=True):
                cursor = await connection.cursor(sql, *values)
                while chunk := await cursor.fetch(CHUNK):
                    if not take(chunk):
                        return

    async def check(self) -> str | None:
        """What is wrong with the store, or None."""
        try:
            await self.fetch(queries.CHECK)
        except Unavailable as fault:
            return str(fault)
        return None

    async def close(self) -> None:
        """Ends the sessions, whatever they are doing."""
        self._pool.terminate()


async def connect(database: Database) -> Store:
    """A store on this database; nothing is connected yet."""
    candles, pages = Kept[msgspec.Raw](), Kept[Made]()

    async def begin(connection: Any) -> None:
        candles.clear()
        pages.clear()  # another server, or a restored one, may give the same numbers to other transactions
        await _prepare(connection)

    pool = await asyncpg.create_pool(
        database.url.get_secret_value(),
        min_size=0,
        max_size=database.pool_size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS + 2,
        init=begin,
        reset=_keep,
        server_settings={
            "application_name": "tickplant-api",
            "search_path": database.schema_name,
            "timezone": "UTC",
            "default_transaction_read_only": "on",
            "statement_timeout": f"{STATEMENT_SECONDS:g}s",
            "idle_in_transaction_session_timeout": "30s",
            "lock_timeout": f"{STATEMENT_SECONDS:g}s",
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
            "tcp_user_timeout": "30000",
        },
    )
    return Store(pool, candles, pages)


async def _prepare(connection: Any) -> None:
    """Times as integer microseconds, without a datetime in between."""
    await connection.set_type_codec(
        "timestamptz",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda us: (us - _PG_EPOCH,),
        decoder=lambda value: value[0] + _PG_EPOCH,
    )


async def _keep(connection: Any) -> None:
    """A session is given back as it was: no statement here changes its state, so the usual reset would only cost a round trip."""


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turns what an outage raises into `Unavailable`; what a wrong statement raises stays a fault."""
    try:
        yield
    except asyncpg.QueryCanceledError as fault:
        raise Unavailable(f"the store did not finish within {STATEMENT_SECONDS:g} s; ask for less at a time") from fault
    except asyncpg.UndefinedTableError as fault:
        raise Unavailable("the store has no tables yet: its migrations have not run") from fault
    except TimeoutError as fault:
        raise Unavailable("the store did not answer in time") from fault
    except _OUTAGES as fault:
        raise Unavailable("the store does not answer") from fault


_OUTAGES = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.SerializationError,
)
