"""GET /ticks, /symbols and /latest against a real database: order, paging, digits."""

from __future__ import annotations

from decimal import Decimal

from shared.events import IndexPrice, Quote, Tick
from tests.fixtures.api import at, serving, store, trade

D = Decimal


def quote(when: str, bid: str, ask: str, name: str) -> Quote:
    sizes = D("3.50"), None
    return Quote("BTC-USDT", "BTCUSDT", at(when), D(bid), D(ask), *sizes, quote_id=name, sequence=9, source="binance", received_at=at(when))


def some() -> list[Tick]:
    """Ticks of three kinds, two sources and two days; several share a moment."""
    index = IndexPrice("BTC-USDT", "bitcoin", at("00:00:02"), D("7.10"), "i", source="gecko", received_at=at("00:00:02"))
    return [
        trade("00:00:02", "1", name="b"),
        trade("00:00:02", "2", name="a"),
        trade("00:00:02", "3", name="a", source="coinbase"),
        trade("2021-01-07T23:59:59Z", "4", "0.000000000000000010", name="z", side=None, late=True),
        quote("00:00:02", "1.10", "1.20", "q"),
        index,
    ]


async def test_ticks_come_in_the_order_of_the_market_however_they_are_paged(database_url: str) -> None:
    await store(database_url, some())
    async with serving(database_url) as api:
        whole = await api.get("/ticks", symbol="BTC-USDT")
        for limit in (1, 2, 4, 5, 6):
            assert [row for page in await api.pages("/ticks", symbol="BTC-USDT", limit=limit) for row in page] == whole["results"]
        trades = await api.get("/ticks", symbol="BTC-USDT", source="binance", kind="trade", from_="2021-01-08", to="2021-01-08T00:00:03Z")
        until = await api.get("/ticks", symbol="BTC-USDT", to="2021-01-08T00:00:02Z")
        other = await api.get("/ticks", symbol="ETH-USDT")
    order = [(row["sequence"], row["id"], row["source"], row["kind"]) for row in whole["results"]]
    assert order == [
        (0, "z", "binance", "trade"),
        (0, "a", "binance", "trade"),
        (0, "a", "coinbase", "trade"),
        (0, "b", "binance", "trade"),
        (0, "i", "gecko", "index"),
        (9, "q", "binance", "quote"),
    ]
    assert [row["id"] for row in trades["results"]] == ["a", "b"]
    assert [row["id"] for row in until["results"]] == ["z"]
    assert other == {"results": [], "next_url": None}


async def test_a_tick_is_answered_with_every_field_and_every_digit(database_url: str) -> None:
    await store(database_url, some())
    async with serving(database_url) as api:
        trades = await api.http.get("/ticks?symbol=BTC-USDT&kind=trade&limit=1")
        quotes = await api.get("/ticks", symbol="BTC-USDT", kind="quote")
    assert trades.text.startswith(
        '{"results":[{"source":"binance","symbol":"BTC-USDT","kind":"trade","native_symbol":"BTCUSDT",'
        '"event_time":"2021-01-07T23:59:59Z","received_at":"2021-01-07T23:59:59Z","sequence":0,"id":"z",'
        '"price":4,"size":0.000000000000000010,"side":null,"bid":null,"ask":null,"bid_size":null,"ask_size":null,'
        '"late":true,"run":null,"origin":"1/0/3/0"}],"next_url":"/ticks?symbol=BTC-USDT&kind=trade&limit=1&cursor='
    )
    (row,) = quotes["results"]
    assert (row["price"], row["size"], row["ask_size"]) == (None, None, None)
    assert (row["bid"], row["ask"], row["bid_size"]) == (D("1.10"), D("1.20"), D("3.50"))


async def test_symbols_lists_each_symbol_with_its_sources_and_kinds(database_url: str) -> None:
    await store(database_url, some())
    async with serving(database_url) as api:
        whole = await api.get("/symbols")
        parts = [row for page in await api.pages("/symbols", limit=1) for row in page]
    named = {"symbol": "BTC-USDT", "native_symbol": "BTCUSDT", "last_event_time": "2021-01-08T00:00:02Z"}
    assert whole["results"] == [
        {**named, "source": "binance", "kind": "quote"},
        {**named, "source": "binance", "kind": "trade"},
        {**named, "source": "coinbase", "kind": "trade"},
        {**named, "source": "gecko", "kind": "index", "native_symbol": "bitcoin"},
    ]
    assert parts == whole["results"]


async def test_latest_is_one_price_per_source_and_symbol_of_the_newest_tick(database_url: str) -> None:
    await store(database_url, [*some(), quote("00:00:03", "1.10", "1.25", "r")])
    async with serving(database_url) as api:
        whole = await api.get("/latest")
        parts = [row for page in await api.pages("/latest", limit=1) for row in page]
        coinbase = await api.get("/latest", source="coinbase", symbol="btc_usdt")
        trades = await api.get("/latest", source="binance", kind="trade")
        text = (await api.http.get("/latest?source=binance")).text
        none = await api.get("/latest", symbol="AAPL")
    assert [(row["source"], row["kind"], row["price"], row["bid"], row["ask"]) for row in whole["results"]] == [
        ("binance", "quote", D("1.175"), D("1.10"), D("1.25")),
        ("coinbase", "trade", 3, None, None),
        ("gecko", "index", D("7.10"), None, None),
    ]
    assert parts == whole["results"]
    assert coinbase["results"] == [whole["results"][1]]
    assert [(row["id"], row["price"]) for row in trades["results"]] == [("b", 1)]
    assert none["results"] == []
    assert text == (
        '{"results":[{"source":"binance","symbol":"BTC-USDT","kind":"quote","native_symbol":"BTCUSDT","event_time":"2021-01-08T00:00:03Z",'
        '"received_at":"2021-01-08T00:00:03Z","sequence":9,"id":"r","price":1.175,"size":null,"bid":1.10,"ask":1.25,"flags":[]}],"next_url":null}'
    )
