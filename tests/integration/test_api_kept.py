"""GET /candles keeps the rows it made: what is committed is answered at once all the same."""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec
from pydantic import SecretStr

from services.api import queries, reader
from services.api.coverage import Coverage, Covered
from services.api.kept import Recent
from services.api.reader import Query
from services.api.store import Store, connect
from shared import settings
from shared.aggregations.candles import fold
from shared.time import MINUTE, from_iso
from tests.fixtures.api import serving, store, store_candles, trade

PAGE = Query("BTC-USDT", None, "trade", MINUTE, None, None, 100, "none", None, 0, None)
MINUTES = [trade(f"00:0{minute}:00", str(minute + 1), source=source) for minute in range(5) for source in ("binance", "coinbase")]


async def test_a_change_is_answered_once_it_is_committed(database_url: str) -> None:
    await store(database_url, MINUTES)
    connection = await asyncpg.connect(database_url)
    async with serving(database_url) as api:
        before = await api.get("/candles", symbol="BTC-USDT")
        change = connection.transaction()
        await change.start()
        await connection.execute("UPDATE candles SET close = 1.50 WHERE source = 'coinbase' AND start = '2021-01-08T00:02:00Z'")
        await connection.execute("UPDATE candles SET is_closed = false WHERE source = 'binance' AND start = '2021-01-08T00:03:00Z'")
        assert await api.get("/candles", symbol="BTC-USDT") == before
        await change.commit()
        after = await api.http.get("/candles?symbol=BTC-USDT")
        again = await api.http.get("/candles?symbol=BTC-USDT")
    await connection.close()
    assert again.content == after.content
    assert changes(before["results"], msgspec.json.decode(after.content)["results"]) == [
        ("2021-01-08T00:02:00Z", "coinbase", "close", 1.5),
        ("2021-01-08T00:03:00Z", "binance", "is_closed", False),
    ]
    assert b'"close":1.50,' in after.content


def changes(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Start, source, name and new value of every value that differs."""
    pairs = zip(before, after, strict=True)
    return [(new["start"], new["source"], name, new[name]) for old, new in pairs for name in new if new[name] != old[name]]


async def test_rows_that_come_and_go_are_answered_beside_kept_ones(database_url: str) -> None:
    await store(database_url, MINUTES)
    connection = await asyncpg.connect(database_url)
    async with serving(database_url) as api:
        await api.get("/candles", symbol="BTC-USDT")
        await connection.execute("DELETE FROM candles WHERE source = 'binance' AND start < '2021-01-08T00:02:00Z'")
        await store_candles(connection, fold([trade("00:02:30", "9", source="okx")]).values())
        found = [row for page in await api.pages("/candles", symbol="BTC-USDT", limit=3) for row in page]
    await connection.close()
    assert [(row["start"][14:16], row["source"]) for row in found] == [
        *(("00", "coinbase"), ("01", "coinbase"), ("02", "binance"), ("02", "coinbase"), ("02", "okx")),
        *(("03", "binance"), ("03", "coinbase"), ("04", "binance"), ("04", "coinbase")),
    ]


async def test_symbols_kinds_and_sources_are_never_taken_for_each_other(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await store(database_url, MINUTES[:2])
    await connection.execute(
        "INSERT INTO candles SELECT (jsonb_populate_record(c, jsonb_build_object('symbol', symbol_, 'kind', kind_, 'close', close_))).* "
        "FROM candles c, (VALUES ('ETH-USDT', 'trade', 7), ('BTC-USDT', 'index', 8)) AS v(symbol_, kind_, close_)"
    )
    await connection.close()
    async with serving(database_url) as api:
        for symbol, kind, close in (("BTC-USDT", "trade", 1), ("ETH-USDT", "trade", 7), ("BTC-USDT", "index", 8)) * 2:
            rows = (await api.get("/candles", symbol=symbol, kind=kind))["results"]
            assert [(row["symbol"], row["kind"], row["source"], row["close"]) for row in rows] == [
                (symbol, kind, source, close) for source in ("binance", "coinbase")
            ]


class Busy(Store):
    """A store in which something is changed after each of its next reads."""

    def __init__(self, store: Store, connection: Any, changes: list[str]) -> None:
        self.candles, self.pages = store.candles, store.pages
        self.coverage = Recent[Coverage](3600)
        self.coverage.put(("BTC-USDT", "trade"), {})
        self.reads = 0
        self._store, self._connection, self._changes = store, connection, changes

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """The rows as they were before the change."""
        found = await self._store.fetch(sql, *values)
        self.reads += 1
        if self._changes:
            await self._connection.execute(self._changes.pop(0))
        return found


async def test_what_changes_while_a_page_is_made_is_on_it(database_url: str) -> None:
    # minutes     00  01  02  03  04
    # 1st read                 x         03 has changed: read again from there
    # 2nd read         x                 01 has changed meanwhile: once more, from there
    await store(database_url, MINUTES)
    connection = await asyncpg.connect(database_url)
    held = await connect(settings.Database(url=SecretStr(database_url)))
    try:
        await rows(held)
        change = "UPDATE candles SET late_count = {} WHERE source = 'binance' AND start = '2021-01-08T00:0{}:00Z'"
        await connection.execute(change.format(7, 3))
        busy = Busy(held, connection, ["SELECT", change.format(8, 1)])
        page = [msgspec.json.decode(row) for row in await rows(busy)]
        assert {row["start"][14:16]: row["late_count"] for row in page if row["late_count"]} == {"01": 8, "03": 7}
        assert busy.reads == 4
        assert [msgspec.json.decode(row) for row in await rows(held)] == page
    finally:
        await held.close()
        await connection.close()


async def test_a_page_is_read_once_while_neither_its_minutes_nor_their_coverage_change(database_url: str) -> None:
    await store(database_url, MINUTES)
    connection = await asyncpg.connect(database_url)
    held = await connect(settings.Database(url=SecretStr(database_url)))
    first = from_iso("2021-01-08T00:00:00Z")
    known = {"binance": Covered(first, first + 10 * MINUTE)}
    try:
        busy = Busy(held, connection, [])
        busy.coverage.put(("BTC-USDT", "trade"), known)
        page, reads = await rows(busy), busy.reads
        busy.coverage.put(("BTC-USDT", "trade"), dict(known))
        assert (await rows(busy), busy.reads) == (page, reads + 1)
        busy.coverage.put(("BTC-USDT", "trade"), {"binance": Covered(first, first + 10 * MINUTE, ((first, first + MINUTE // 2),))})
        found = {(row["source"], row["start"][14:16]): row["coverage"] for row in map(msgspec.json.decode, await rows(busy))}
        assert [found[source, "00"] for source in ("binance", "coinbase")] == [0.5, None]
        assert found["binance", "01"] == 1
    finally:
        await held.close()
        await connection.close()


async def test_nothing_is_kept_past_a_new_session(database_url: str) -> None:
    """It may be with another server, whose transactions have the same numbers."""
    await store(database_url, MINUTES[:1])
    held = await connect(settings.Database(url=SecretStr(database_url)))
    try:
        right = await rows(held)
        (version,) = await held.fetch(queries.VERSIONS, *PAGE.stored(), 10)
        held.pages.clear()
        held.candles.put(("BTC-USDT", "trade", *version, None), msgspec.Raw(b'"of another server"'))
        assert await rows(held) == [b'"of another server"']
        await end_sessions(database_url)
        assert await rows(held) == right
    finally:
        await held.close()


async def rows(held: Store) -> list[bytes]:
    """The page, row by row."""
    found, _ = await reader.read(held, PAGE)
    return [bytes(row) for row in msgspec.json.decode(msgspec.json.encode(found), type=list[msgspec.Raw])]


async def end_sessions(url: str) -> None:
    """As a restart of the server does."""
    connection = await asyncpg.connect(url)
    await connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tickplant-api'")
    await connection.close()
