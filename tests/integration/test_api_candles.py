"""GET /candles against a real database: values, coarser intervals, paging, filling, and what was known when."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import asyncpg

from shared.aggregations.candles import fold
from shared.events import Quote, Trade
from shared.time import DAY, HOUR, MINUTE, to_iso
from tests.fixtures.api import at, serving, store, store_candles, trade

D = Decimal


async def test_a_candle_is_answered_with_every_field_and_every_digit(database_url: str) -> None:
    await store(
        database_url,
        [
            trade("00:00:01", "39432.480", "0.00000637", name="7"),
            trade("00:00:02.5", "39550.00", "0.000000000000000001", name="8", side="sell", late=True),
            trade("00:00:59.999999", "39430.30", "2", name="9", side=None),
        ],
    )
    async with serving(database_url) as api:
        response = await api.http.get("/candles?symbol=btc/usdt&source=binance")
        answer = await api.get("/candles", symbol="btc-usdt", source="binance")
    assert answer == {
        "results": [
            {
                "source": "binance",
                "symbol": "BTC-USDT",
                "kind": "trade",
                "interval": "1m",
                "start": "2021-01-08T00:00:00Z",
                "end": "2021-01-08T00:01:00Z",
                "open": D("39432.480"),
                "high": D("39550.00"),
                "low": D("39430.30"),
                "close": D("39430.30"),
                "volume": D("2.000006370000000001"),
                "quote_volume": D("78860.85118489760003955000"),
                "vwap": D("39430.300006943278"),
                "trade_count": 3,
                "tick_count": 3,
                "buy_volume": D("0.00000637"),
                "sell_volume": D("0.000000000000000001"),
                "first": {"event_time": "2021-01-08T00:00:01Z", "sequence": 0, "id": "7"},
                "last": {"event_time": "2021-01-08T00:00:59.999999Z", "sequence": 0, "id": "9"},
                "is_closed": True,
                "late_count": 1,
                "revision": 3,
                "filled": False,
                "coverage": None,
            }
        ],
        "next_url": None,
    }
    assert b'"open":39432.480,' in response.content
    assert b'"sell_volume":0.000000000000000001,' in response.content


async def test_quotes_make_candles_of_mids_without_volumes(database_url: str) -> None:
    quote = Quote("BTC-USDT", "BTCUSDT", at("00:00:01"), D("1.1"), D("1.2"), quote_id="q", source="binance", received_at=at("00:00:01"))
    await store(database_url, [quote, trade("00:00:02", "5")])
    async with serving(database_url) as api:
        answer = await api.get("/candles", symbol="BTC-USDT", kind="quote", interval="1h")
    (row,) = answer["results"]
    assert (row["open"], row["close"], row["volume"], row["vwap"], row["trade_count"], row["tick_count"]) == (
        D("1.15"),
        D("1.15"),
        None,
        None,
        0,
        1,
    )


def two_days() -> list[Trade]:
    """Trades of two sources at uneven distances over more than two days, with holes of hours."""
    found, time = [], at("00:00:30")
    for n in range(400):
        time += (n * n * 7919 % 1_800_000_000) + 1
        source = ("binance", "coinbase", "okx")[n * n % 3 % 2 + (n % 11 == 0)]
        found.append(
            trade(time, f"{100 + n * 37 % 41}.{n % 10}", f"0.{n + 1}", source=source, name=f"t{n:04}", side=("buy", "sell", None)[n % 3])
        )
    return found


INTERVALS = {"1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "7m": 7 * MINUTE, "1h": HOUR, "90m": 90 * MINUTE, "1d": DAY}


def expected(ticks: list[Trade], width: int) -> list[tuple[Any, ...]]:
    """What `brief` shows of the candles, computed from the ticks with nothing but sorting and sums."""
    windows: dict[tuple[int, str], list[Trade]] = {}
    for tick in sorted(ticks, key=lambda tick: (tick.event_time, tick.sequence, tick.trade_id)):
        windows.setdefault((tick.event_time // width * width, tick.source), []).append(tick)
    return [
        (
            *(to_iso(start), source, found[0].price, max(t.price for t in found), min(t.price for t in found), found[-1].price),
            *(sum(t.size for t in found), len(found), found[0].trade_id),
        )
        for (start, source), found in sorted(windows.items())
    ]


async def test_any_interval_is_the_fold_of_its_ticks_and_any_page_size_gives_the_same_rows(database_url: str) -> None:
    await store(database_url, two_days())
    async with serving(database_url) as api:
        for interval, width in INTERVALS.items():
            whole = await api.pages("/candles", symbol="BTC-USDT", interval=interval, limit=5000)
            parts = await api.pages("/candles", symbol="BTC-USDT", interval=interval, limit=7)
            one = await api.pages("/candles", symbol="BTC-USDT", interval=interval, limit=3, source="coinbase")
            assert len(whole) == 1
            assert [brief(row) for row in whole[0]] == expected(two_days(), width)
            assert [row for page in parts for row in page] == whole[0]
            assert [row for page in one for row in page] == [row for row in whole[0] if row["source"] == "coinbase"]
            assert {len(page) for page in parts[:-1]} <= {7}


def brief(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("start", "source", "open", "high", "low", "close", "volume", "tick_count")
    return (*(row[name] for name in names), row["first"]["id"])


async def test_a_coarse_window_is_whole_wherever_the_range_cuts(database_url: str) -> None:
    #        00:04   00:05 06 07 08 09   00:10
    # from            |      ^           |
    # to              |            ^     |
    await store(database_url, [trade(f"00:{minute:02}:00", str(minute)) for minute in range(4, 11)])
    async with serving(database_url) as api:
        answer = await api.get("/candles", symbol="BTC-USDT", interval="5m", from_="2021-01-08T00:07:00Z", to="2021-01-08T00:08:30Z")
        before = await api.get("/candles", symbol="BTC-USDT", interval="5m", from_="2021-01-08T00:07:00Z", to="2021-01-08T00:10:00Z")
        after = await api.get("/candles", symbol="BTC-USDT", interval="5m", from_="2021-01-08T00:09:00Z", to="2021-01-08T00:10:01Z")
    assert [(row["start"], row["open"], row["close"], row["tick_count"]) for row in answer["results"]] == [
        ("2021-01-08T00:05:00Z", 5, 9, 5)
    ]
    assert before == answer
    assert [row["tick_count"] for row in after["results"]] == [5, 1]


async def test_a_coarse_candle_is_closed_when_all_its_minutes_are(database_url: str) -> None:
    await store(database_url, [trade("00:00:00", "1"), trade("01:00:00", "3")])
    await store_open(database_url)
    async with serving(database_url) as api:
        answer = await api.get("/candles", symbol="BTC-USDT", interval="1h")
    assert [row["is_closed"] for row in answer["results"]] == [False, True]


async def store_open(url: str) -> None:
    connection = await asyncpg.connect(url)
    await store_candles(connection, fold([trade("00:01:00", "2")]).values(), closed=False)
    await connection.close()


HOLES = [
    trade("00:01:00", "10", "2"),
    trade("00:03:00", "30"),
    trade("00:01:30", "11", source="coinbase"),
    trade("00:02:30", "20", source="coinbase"),
]


def hole(start: str, end: str, source: str, price: int | None = None) -> dict[str, Any]:
    """The row of a window without ticks."""
    window = {"interval": "1m", "start": f"2021-01-08T{start}Z", "end": f"2021-01-08T{end}Z"}
    return {
        "source": source,
        "symbol": "BTC-USDT",
        "kind": "trade",
        **window,
        **dict.fromkeys(("open", "high", "low", "close"), price),
        **dict.fromkeys(("volume", "quote_volume", "buy_volume", "sell_volume"), None if price is None else 0),
        **dict.fromkeys(("vwap", "first", "last", "is_closed")),
        **dict.fromkeys(("trade_count", "tick_count", "late_count", "revision"), 0),
        "filled": True,
        "coverage": None,
    }


async def test_null_fill_shows_absent_windows_as_rows_of_nulls(database_url: str) -> None:
    await store(database_url, HOLES)
    async with serving(database_url) as api:
        stored = {(row["start"], row["source"]): row for row in (await api.get("/candles", symbol="BTC-USDT"))["results"]}
        answer = await api.get("/candles", symbol="BTC-USDT", fill="null", from_="2021-01-08", to="2021-01-08T00:04:00Z")
    assert answer["results"] == [
        hole("00:00:00", "00:01:00", "binance"),
        hole("00:00:00", "00:01:00", "coinbase"),
        stored["2021-01-08T00:01:00Z", "binance"],
        stored["2021-01-08T00:01:00Z", "coinbase"],
        hole("00:02:00", "00:03:00", "binance"),
        stored["2021-01-08T00:02:00Z", "coinbase"],
        stored["2021-01-08T00:03:00Z", "binance"],
        hole("00:03:00", "00:04:00", "coinbase"),
    ]


async def test_previous_fill_repeats_the_last_close_but_never_before_the_first_tick(database_url: str) -> None:
    await store(database_url, HOLES)
    async with serving(database_url) as api:
        stored = {(row["start"], row["source"]): row for row in (await api.get("/candles", symbol="BTC-USDT"))["results"]}
        answer = await api.get("/candles", symbol="BTC-USDT", fill="previous", from_="2020-01-01", source="binance")
        later = await api.get("/candles", symbol="BTC-USDT", fill="previous", from_="2021-01-08T00:02:00Z", to="2021-01-08T00:03:00Z")
    assert answer["results"] == [
        stored["2021-01-08T00:01:00Z", "binance"],
        hole("00:02:00", "00:03:00", "binance", 10),
        stored["2021-01-08T00:03:00Z", "binance"],
    ]
    assert later["results"] == [hole("00:02:00", "00:03:00", "binance", 10), stored["2021-01-08T00:02:00Z", "coinbase"]]


async def test_filled_rows_are_the_same_however_they_are_paged(database_url: str) -> None:
    await store(database_url, two_days())
    async with serving(database_url) as api:
        for interval, filling in itertools.product(("7m", "4h", "1d"), ("null", "previous")):
            asked = {"symbol": "BTC-USDT", "interval": interval, "from_": "2021-01-08T05:00:00Z", "to": "2021-01-10T03:00:00Z"}
            plain = await api.get("/candles", **asked, limit=5000)
            whole = [row for page in await api.pages("/candles", **asked, fill=filling, limit=5000) for row in page]
            parts = [row for page in await api.pages("/candles", **asked, fill=filling, limit=7) for row in page]
            assert parts == whole
            assert [row for row in whole if not row["filled"]] == plain["results"]
            places = [(row["start"], row["source"]) for row in whole]
            assert places == sorted(set(places))


async def test_as_of_answers_what_was_known_before_a_late_tick(database_url: str) -> None:
    await store(
        database_url,
        [
            trade("00:00:01", "100", name="a"),
            trade("00:00:30", "90", name="b"),
            trade("00:00:45", "120", "2", name="late", received="00:12:00", late=True),
            trade("00:13:00", "130", name="c"),
        ],
    )
    async with serving(database_url) as api:
        asked = {"symbol": "BTC-USDT", "to": "2021-01-08T00:01:00Z"}
        now = await api.get("/candles", **asked)
        for interval in ("1m", "5m", "1h", "1d"):
            before = await api.get("/candles", symbol="BTC-USDT", interval=interval, as_of="2021-01-08T00:11:00Z")
            (row,) = before["results"]
            assert [row[name] for name in ("interval", "open", "high", "low", "close", "volume", "late_count", "revision")] == [
                interval,
                100,
                100,
                90,
                90,
                2,
                0,
                2,
            ]
            assert row["is_closed"] is None
        after = await api.get("/candles", **asked, as_of="2021-01-08T00:12:00Z")
        never = await api.get("/candles", **asked, as_of="2021-01-07T00:00:00Z")
        filled = await api.get(
            "/candles",
            symbol="BTC-USDT",
            as_of="2021-01-08T00:11:00Z",
            fill="previous",
            from_="2021-01-08T00:01:00Z",
            to="2021-01-08T00:02:00Z",
        )
    assert [{**row, "is_closed": True} for row in after["results"]] == now["results"]
    assert (now["results"][0]["close"], now["results"][0]["late_count"], now["results"][0]["revision"]) == (120, 1, 3)
    assert never["results"] == []
    assert filled["results"] == [hole("00:01:00", "00:02:00", "binance", 90)]


async def test_as_of_over_more_ticks_than_are_folded_at_a_time_is_refused_with_what_to_do(database_url: str) -> None:
    await store(database_url, [trade(f"00:0{n}:00", "1") for n in range(5)])
    async with serving(database_url, as_of_ticks=3) as api:
        response = await api.http.get("/candles?symbol=BTC-USDT&as_of=2021-01-09")
        pages = await api.pages("/candles", symbol="BTC-USDT", as_of="2021-01-09", limit=3)
    assert response.status_code == 422
    assert response.json()["parameter"] == "as_of"
    assert "hold 5 ticks, at most 3" in response.json()["detail"]
    assert [len(page) for page in pages] == [3, 2]


async def test_as_of_now_equals_the_stored_candles(database_url: str) -> None:
    await store(database_url, two_days())
    async with serving(database_url) as api:
        for interval in ("1m", "7m", "1d"):
            stored = [row for page in await api.pages("/candles", symbol="BTC-USDT", interval=interval) for row in page]
            known = [row for page in await api.pages("/candles", symbol="BTC-USDT", interval=interval, as_of="2022-01-01") for row in page]
            assert [{**row, "is_closed": True} for row in known] == stored
