"""A day of invented order flow, seeded: quotes that wander, orders filled in parts at several venues, and what goes wrong with them.

Rows come in the order in which a desk's systems would have written them: mostly by time, some late. The same seed gives the same rows.

    python -m deploy.simulator.orderflow data --orders 120
"""

import argparse
import csv
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple

OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)  # 09:30 in New York
SECONDS = 23_400
HEADERS = {
    "orders": "order_id,symbol,side,quantity,limit_price,timestamp,destination,action,action_timestamp".split(","),
    "trades": "trade_id,order_id,symbol,side,exec_quantity,exec_price,exec_timestamp,destination,action,action_timestamp".split(","),
    "nbbo": "symbol,bid,ask,timestamp".split(","),
}
SYMBOLS = {"AAPL": 19_025, "MSFT": 41_510, "NVDA": 13_870, "SPY": 58_940, "TSLA": 24_400, "KO": 6_215, "F": 1_090, "XOM": 11_320}
VENUES = ("XNAS", "XNYS", "ARCX", "BATS", "IEXG", "EDGX")
QUOTES_AN_ORDER = 4


class Row(NamedTuple):
    """A line of one of the files."""

    file: str
    values: tuple[str, ...]


@dataclass
class _Book:
    """A symbol's quote, in cents."""

    bid: int
    ask: int


@dataclass
class _Day:
    """The state of the day; what is written later than it happened waits in `pending`."""

    rng: random.Random
    books: dict[str, _Book] = field(default_factory=dict)
    pending: list[tuple[float, int, Row]] = field(default_factory=list)
    trades: int = 0
    written: int = 0

    def at(self, second: float) -> str:
        """A time of the day as the files write it."""
        return (OPEN + timedelta(microseconds=int(second * 1_000_000))).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def later(self, second: float, file: str, *values: str) -> None:
        """Writes a row at that second."""
        self.written += 1
        heappush(self.pending, (second, self.written, Row(file, values)))

    def due(self, second: float) -> Iterator[Row]:
        """The rows to write by then."""
        while self.pending and self.pending[0][0] <= second:
            yield heappop(self.pending)[2]


def generate(seed: int, orders: int, symbols: Sequence[str] = tuple(SYMBOLS)) -> Iterator[Row]:
    """The rows of a day with that many orders, in the order of writing."""
    rng = random.Random(seed)  # noqa: S311 invented data
    day = _Day(rng)
    day.books = {symbol: _Book(SYMBOLS[symbol] - 1, SYMBOLS[symbol] + 1) for symbol in symbols}
    steps = orders * QUOTES_AN_ORDER
    for step in range(steps):
        second = SECONDS * (step + rng.random()) / steps
        _quote(day, rng.choice(symbols), second)
        if step % QUOTES_AN_ORDER == 1:
            _order(day, step // QUOTES_AN_ORDER + 1, rng.choice(symbols), second)
        yield from day.due(second)
    yield from day.due(float("inf"))


def _quote(day: _Day, symbol: str, second: float) -> None:
    """Moves a symbol's quote; one in 40 locks or crosses, one in 50 is written late."""
    rng, book = day.rng, day.books[symbol]
    middle = max(book.bid + rng.choice((-2, -1, 0, 0, 1, 2)), 100)
    book.bid, book.ask = middle, middle + rng.choice((1, 1, 1, 2, 2, 3, 5))
    if rng.random() < 1 / 40:
        book.ask = book.bid - rng.choice((0, 0, 1, 2))
    delay = rng.expovariate(1 / 20) if rng.random() < 1 / 50 else 0.0
    day.later(second + delay, "nbbo", symbol, _money(book.bid), _money(book.ask), day.at(second))


def _order(day: _Day, number: int, symbol: str, second: float) -> None:
    """An order with its fills: most complete, some partial, some without any; some corrected or cancelled."""
    rng, book = day.rng, day.books[symbol]
    side = rng.choice(("buy", "sell"))
    quantity = rng.choice((100, 200, 300, 500, 1000, 2500))
    limit = "" if rng.random() < 0.2 else _money(book.ask + rng.randint(0, 5) if side == "buy" else book.bid - rng.randint(0, 5))
    order_id, venue, when = f"O-{number:07d}", rng.choice(VENUES), day.at(second)
    row = (order_id, symbol, side, str(quantity), limit, when, venue)
    day.later(second, "orders", *row, "", "")
    fate = rng.random()
    wanted = 0 if fate < 0.12 else quantity if fate < 0.82 else quantity * rng.randint(1, 9) // 10
    last = _fills(day, (order_id, symbol, side), wanted, second)
    if fate >= 0.92:
        day.later(last + 1.5, "orders", *row, "cancel", day.at(last + 1))
    elif rng.random() < 0.03:
        changed = (*row[:3], str(quantity + 100), *row[4:])
        day.later(second + 0.5, "orders", *changed, "correct", day.at(second + 0.4))


def _fills(day: _Day, order: tuple[str, str, str], wanted: int, second: float) -> float:
    """Executions of a quantity, at prices around the quote; returns the time of the last."""
    rng, book, side = day.rng, day.books[order[1]], order[2]
    while wanted > 0:
        second += rng.expovariate(1 / 2)
        part = min(wanted, rng.choice((50, 100, 100, 200, 500, wanted)))
        wanted -= part
        inside = rng.choice((0, 0, 1, 1, 2, 4)) - (rng.random() < 0.1) * 2
        price = 10 * (book.ask if side == "buy" else book.bid) + (-5 if side == "buy" else 5) * inside
        _execution(day, order, part, price, second)
    return second


def _execution(day: _Day, order: tuple[str, str, str], quantity: int, mills: int, second: float) -> None:
    rng = day.rng
    day.trades += 1
    start = (f"T-{day.trades:07d}", *order, str(quantity))
    end = (day.at(second), rng.choice(VENUES))
    written = second + (rng.expovariate(1 / 30) if rng.random() < 1 / 30 else 0.0)
    day.later(written, "trades", *start, _money(mills, 1000), *end, "", "")
    luck = rng.random()
    if luck < 0.01:
        day.later(written + 5, "trades", *start, _money(mills, 1000), *end, "bust", day.at(second + 4))
    elif luck < 0.02:
        day.later(written + 5, "trades", *start, _money(mills + 10, 1000), *end, "correct", day.at(second + 4))


def _money(value: int, unit: int = 100) -> str:
    whole, rest = divmod(value, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}"


def write(folder: Path, rows: Iterator[Row], suffix: str = "") -> dict[str, Path]:
    """The rows as the three files `orders`, `trades` and `nbbo`; returns where they are."""
    paths = {name: folder / f"{name}{suffix}.csv" for name in HEADERS}
    with ExitStack() as files:
        writers = {name: csv.writer(files.enter_context(path.open("w", newline="")), lineterminator="\n") for name, path in paths.items()}
        for name, writer in writers.items():
            writer.writerow(HEADERS[name])
        for row in rows:
            writers[row.file].writerow(row.values)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="orderflow", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--orders", type=int, default=120)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--suffix", default="")
    given = parser.parse_args()
    write(given.folder, generate(given.seed, given.orders), given.suffix)
