"""A store of 100 symbols with a day of one-minute candles each, for the api and for its peers, and what answers must hold.

Values are made from the numbers of symbol and minute, so an answer can be told right without asking the store.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from bench.market import SOURCE, SYMBOLS, canonical
from bench.peers.web import TABLES

MINUTES = 1440
START = datetime(2026, 1, 5, tzinfo=UTC)
NAMES = tuple(canonical(symbol) for symbol in SYMBOLS)
ROWS = 100
SINCE = START + timedelta(minutes=MINUTES - ROWS)

Row = tuple[Any, ...]


def fill(url: str) -> None:
    """Puts everything into a migrated database."""
    asyncio.run(_fill(url))


def prices(number: int, minute: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Open, high, low and close."""
    base = Decimal(100 + number) + Decimal(minute % 97) / 100
    return base, base + Decimal("1.25"), base - Decimal("0.50"), base + Decimal("0.75")


def volume(minute: int) -> Decimal:
    """Of a minute of any symbol."""
    return Decimal("12.3456") + minute


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in TABLES:
            await connection.execute(statement)
        for table, rows in (
            ("candles", _candles()),
            ("latest", _latest()),
            ("peer_candles", _peer(0)),
            ("peer_latest", _peer(MINUTES - 1)),
        ):
            await connection.copy_records_to_table(table, records=rows)
            await connection.execute(f"VACUUM ANALYZE {table}")
    finally:
        await connection.close()


def _candles() -> Iterator[Row]:
    for number, name in enumerate(NAMES):
        for minute in range(MINUTES):
            at, size = START + timedelta(minutes=minute), volume(minute)
            quantities = (size, size * 100, size / 2, size / 2, 1000 + minute, 1000 + minute, 0)
            ends = (at, minute * 10, str(minute * 10), at + timedelta(seconds=59), minute * 10 + 9, str(minute * 10 + 9))
            yield SOURCE, name, "trade", at, *prices(number, minute), *quantities, *ends, "closed", True


def _latest() -> Iterator[Row]:
    at = START + timedelta(minutes=MINUTES)
    for number, name in enumerate(NAMES):
        price = prices(number, MINUTES - 1)[3]
        yield SOURCE, name, "trade", at, 14_400, "14400", at, name.replace("-", ""), price, Decimal("0.5"), None, None


def _peer(first: int) -> Iterator[Row]:
    for number, name in enumerate(NAMES):
        for minute in range(first, MINUTES):
            values = (float(value) for value in (*prices(number, minute), volume(minute)))
            yield name, START + timedelta(minutes=minute), *values, 100.123456, 1000 + minute
