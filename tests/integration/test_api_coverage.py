"""GET /coverage and the coverage of candles, over what the store's owners told."""

from decimal import Decimal
from typing import Any

import asyncpg

from services.writer.sinks.postgres import sources
from services.writer.sinks.postgres.connection import connect
from shared.events import Hole, SourceState
from tests.fixtures.api import at, serving, store, trade

SOURCE = "binance"


def hole(first: int, start: str, end: str, state: Any = "open", **more: Any) -> Hole:
    ended = at(end) + 1 if state != "open" else 0
    return Hole(SOURCE, "BTC-USDT", "trade", at(start), at(end), state, "reset", at(end), first, first + 9, ended, **more)


async def told(url: str, *holes: Hole, until: str = "00:10:00") -> None:
    """By the source's owner, as the writer stores it."""
    connection = await connect(url, "public")
    await sources.update(connection, [SourceState(SOURCE, "binance", 1, "connected", at(until), begun_at=at("00:00:00"))])
    for each in holes:
        await sources.keep(connection, {(each.source, each.symbol, each.kind, each.first or each.start): each})
    await connection.close()


async def test_holes_are_listed_newest_first_and_page_by_page(database_url: str) -> None:
    outage = Hole(SOURCE, "", "quote", at("00:05:00"), at("00:05:06"), "open", "reset", at("00:05:06"), message="no history")
    await told(database_url, hole(1, "00:01:00", "00:01:03"), hole(20, "00:02:00", "00:02:01"), outage)
    await told(database_url, hole(1, "00:01:00", "00:01:03", "repaired", requests=2))
    await told(database_url, hole(1, "00:01:00", "00:01:03"))  # an older record, read again
    async with serving(database_url) as api:
        whole = (await api.get("/coverage"))["results"]
        assert [(row["kind"], row["symbol"], row["first_id"], row["state"]) for row in whole] == [
            ("quote", None, None, "open"),
            ("trade", "BTC-USDT", 20, "open"),
            ("trade", "BTC-USDT", 1, "repaired"),
        ]
        assert whole[2] == {
            "source": SOURCE,
            "symbol": "BTC-USDT",
            "kind": "trade",
            "first_id": 1,
            "last_id": 10,
            "start": "2021-01-08T00:01:00Z",
            "end": "2021-01-08T00:01:03Z",
            "state": "repaired",
            "reason": "reset",
            "found_at": "2021-01-08T00:01:03Z",
            "ended_at": "2021-01-08T00:01:03.000001Z",
            "requests": 2,
            "message": "",
        }
        assert [row for page in await api.pages("/coverage", limit=1) for row in page] == whole
        assert (await api.get("/coverage", state="open", symbol="BTC-USDT"))["results"] == whole[:2]
        assert (await api.get("/coverage", kind="trade", from_="2021-01-08T00:02:00Z"))["results"] == whole[1:2]
        assert (await api.get("/coverage", to="2021-01-08T00:02:00Z"))["results"] == whole[2:]


async def test_a_candle_says_how_much_of_it_is_known_and_again_when_a_hole_is_filled(database_url: str) -> None:
    await store(database_url, [trade(f"00:0{n}:00", "100") for n in range(4)])
    await told(database_url, hole(1, "00:01:00", "00:01:15"), until="00:03:30")
    asked = {"symbol": "BTC-USDT", "source": SOURCE}

    async def coverage(**more: Any) -> list[Any]:
        async with serving(database_url) as api:
            return [row["coverage"] for row in (await api.get("/candles", **asked, **more))["results"]]

    assert await coverage() == [1, Decimal("0.75"), 1, Decimal("0.5")]
    assert await coverage(interval="2m") == [Decimal("0.875"), Decimal("0.75")]
    assert await coverage(as_of="2021-01-08T01:00:00Z") == [None] * 4
    assert await coverage(fill="null", from_="2021-01-08T00:03:00Z", to="2021-01-08T00:05:00Z") == [Decimal("0.5"), 0]
    await told(database_url, hole(1, "00:01:00", "00:01:15", "repaired"), until="00:04:00")
    assert await coverage() == [1, 1, 1, 1]


async def test_a_source_of_files_has_no_coverage(database_url: str) -> None:
    await store(database_url, [trade("00:01:00", "100")])
    connection = await asyncpg.connect(database_url)
    await connection.execute("DELETE FROM sources")
    await connection.close()
    async with serving(database_url) as api:
        assert [row["coverage"] for row in (await api.get("/candles", symbol="BTC-USDT"))["results"]] == [None]


async def test_throughput_is_told_by_source_and_by_symbol(database_url: str) -> None:
    ticks = [trade(f"00:00:{n:02}", "1", source="binance", name=f"a{n}") for n in range(30)]
    ticks += [trade("00:01:00", "1", source="binance", late=True), trade("00:01:30", "1", source="kraken"), trade("01:00:00", "1")]
    await store(database_url, ticks)
    span = {"from_": "2021-01-08T00:00:00Z", "to": "2021-01-08T00:02:00Z"}
    async with serving(database_url) as api:
        assert (await api.get("/throughput", **span))["results"] == [
            {"group": "binance", "kind": "trade", "ticks": 31, "late": 1, "per_second": Decimal("0.258333333333"), "most_in_a_minute": 30},
            {"group": "kraken", "kind": "trade", "ticks": 1, "late": 0, "per_second": Decimal("0.008333333333"), "most_in_a_minute": 1},
        ]
        (symbol,) = (await api.get("/throughput", by="symbol", **span))["results"]
        assert (symbol["group"], symbol["ticks"], symbol["most_in_a_minute"]) == ("BTC-USDT", 32, 30)
        assert (await api.get("/throughput", source="kraken", limit=1, **span))["results"][0]["group"] == "kraken"
        assert (await api.http.get("/throughput", params={"to": "2021-01-08"})).status_code == 422
        assert (await api.http.get("/throughput", params={"from": "2021-01-08", "to": "2021-03-08"})).status_code == 422
