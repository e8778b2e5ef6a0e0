"""The recorded files of prices: the candle of 2,001 trades, whole or in shuffled halves, and quotes in another layout."""

from __future__ import annotations

import csv
from datetime import datetime
from decimal import Decimal
from random import Random

from services.fetcher.readers.prices import Prices
from services.transformer.outputs import Output
from shared.aggregations.candles import fold, merge, vwap
from shared.events import Candle, Quote, Run, Tick, Trade
from shared.runs import PricesRequest
from shared.time import MINUTE, from_iso
from tests.golden.sessions import counts, letters, outputs, recording, ticks

TRADES, QUOTES = "binance-btcusdt-trades-2021-01-08.csv", "truefx-usdjpy-quotes-2013-01-01.csv"
START = from_iso("2021-01-08T00:00:00Z")


def read(data: bytes, source: str, symbol: str) -> list[Output]:
    run = Run("prices-1", "prices", "running", source, 0, 0)
    return outputs(Prices(run, PricesRequest("file", symbol)), data, chunk=1000)


def candle(found: list[Tick]) -> Candle:
    [whole] = fold(found).values()
    return whole


def test_the_trades_of_the_file_are_its_one_candle() -> None:
    published = read(recording(TRADES), "binance", "BTC-USDT")
    assert (counts(published), letters(published)) == ((2001, 0, 0), [])
    assert candle(ticks(published)) == Candle(
        "binance", "BTC-USDT", "trade", MINUTE, START,
        Decimal("39432.48"), Decimal("39550.00"), Decimal("39430.30"), Decimal("39491.76"),
        Decimal("87.071596"), Decimal("3438698.18943282"), Decimal("45.457938"), Decimal("41.613658"),
        2001, 2001, 0, (START + 278_000, 553287559, "553287559"), (START + 46_355_000, 553289559, "553289559"),
    )  # fmt: skip
    assert vwap(candle(ticks(published))) == Decimal("39492.766268265256")


def test_every_trade_is_the_row_it_came_from() -> None:
    data = recording(TRADES)
    rows = list(csv.DictReader(data.decode().splitlines()))
    found = {tick.sequence: tick for tick in ticks(read(data, "binance", "BTC-USDT"))}
    assert len(found) == len(rows) == 2001
    for row in rows:
        tick = found[int(row["trade_id"])]
        assert isinstance(tick, Trade)
        assert (tick.trade_id, tick.price, tick.size) == (row["trade_id"], Decimal(row["price"]), Decimal(row["quantity"]))
        assert (tick.event_time, tick.side) == (int(row["time"]) * 1000, {"true": "sell", "false": "buy"}[row["is_buyer_maker"]])


def test_shuffled_halves_of_the_file_give_the_same_candle() -> None:
    header, *rows = recording(TRADES).splitlines(keepends=True)
    halves = []
    for half in (rows[::2], rows[1::2]):
        shuffled = Random(2021).sample(half, len(half))
        halves.append(candle(ticks(read(header + b"".join(shuffled), "binance", "BTC-USDT"))))
    whole = candle(ticks(read(recording(TRADES), "binance", "BTC-USDT")))
    assert merge(*halves) == merge(*reversed(halves)) == whole


def test_every_quote_is_the_row_it_came_from() -> None:
    data = recording(QUOTES)
    rows = list(csv.DictReader(data.decode().splitlines()))
    published = read(data, "truefx", "USD-JPY")
    assert counts(published) == (len(rows), 0, 0)
    expected = [(datetime.fromisoformat(row["timestamp"]), Decimal(row["bid"]), Decimal(row["ask"])) for row in rows]
    found = [tick for tick in ticks(published) if isinstance(tick, Quote)]
    assert [(from_iso(at.isoformat()), bid, ask) for at, bid, ask in expected] == [
        (tick.event_time, tick.bid, tick.ask) for tick in sorted(found, key=lambda tick: tick.origin.offset)
    ]
    assert all((tick.kind, tick.symbol) == ("quote", "USD-JPY") for tick in found)
