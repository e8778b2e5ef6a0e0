"""One symbol's market at one venue: a seeded geometric random walk on a tick grid, trade after trade.

The level that prices are around is the asset's own: venues that have issued as many trades agree on it.

Invariant: the n-th trade's price, size, side and id depend on (seed, venue, symbol, n) alone; the caller's clock only stamps it.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from itertools import islice
from math import log

import msgspec

# Standard deviation of one trade's relative step, and the weak pull to the first price that keeps venues and days comparable.
STEP, PULL = 1e-4, 1e-5
SPREAD = 1e-5
STARTS = {"BTC": ("67187.33", 8), "ETH": ("3312.41", 8), "SOL": ("148.27", 6)}


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One execution and the best bid and ask after it; prices in ticks, sizes in lots, `at` in us."""

    id: int
    price: int
    size: int
    is_buy: bool
    at: int
    bid: int
    ask: int
    bid_size: int
    ask_size: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol (`BTC-USD`), its first price in ticks, and how many decimals a tick and a lot have."""

    symbol: str
    start: int
    price_digits: int
    size_digits: int

    @property
    def base(self) -> str:
        return self.symbol.partition("-")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("-")[2]


def listing(symbol: str) -> Listing:
    """The listing of `BASE-QUOTE`: real prices of some time for the known ones, one drawn from the name for others."""
    base = symbol.partition("-")[0]
    if base in STARTS:
        price, digits = STARTS[base]
        whole, _, fraction = price.partition(".")
        return Listing(symbol, int(whole + fraction), len(fraction), digits)
    start = random.Random(f"listing/{symbol}").randrange(5_000, 5_000_000)  # noqa: S311 a market, not a secret
    return Listing(symbol, start, 4, 4)


class Market:
    """The state of one market and its newest trades; `native` is the venue's own name of the symbol.

    `steps` is how far the level goes from one trade to the next. Times are cut to `precision` us, the venue's own resolution, so that the
    log says what the frames say.
    """

    def __init__(
        self,
        seed: int,
        venue: str,
        listing: Listing,
        native: str,
        *,
        first_id: int | None = None,
        history: int = 5_000,
        precision: int = 1,
        steps: int = 1,
    ) -> None:
        self.venue, self.listing, self.native = venue, listing, native
        self.name = native.encode()
        self.key = f"{venue}/{listing.symbol}"
        self._rng = random.Random(f"{seed}/{venue}/{listing.symbol}")  # noqa: S311 a market, not a secret
        self._walk = random.Random(f"{seed}/{listing.base}")  # noqa: S311 a market, not a secret
        seeded = self._rng.randrange(10**6, 10**9)
        self.first_id = seeded if first_id is None else first_id
        self.count = 0
        self.volume, self.high, self.low = 0, 0, listing.start
        self.trades: deque[Trade] = deque(maxlen=history)
        self._precision, self._steps = precision, steps
        self._level = self._start = float(listing.start)
        self._half = max(1, round(listing.start * SPREAD / 2))
        # The mean trade is worth some thousand units of the quote currency.
        self._depth = max(2, 2_000 * 10 ** (listing.price_digits + listing.size_digits) // listing.start)
        self._at = 0
        self._price = _spelling(listing.price_digits)
        self._size = _spelling(listing.size_digits)

    @property
    def last(self) -> Trade:
        return self.trades[-1]

    def issue(self, now: int) -> Trade:
        """The next trade, at `now` us or at the last one's time if that is later."""
        walk, uniform, bits = self._walk.random, self._rng.random, self._rng.getrandbits(33)
        for _ in range(self._steps):
            # The sum of three uniform numbers, scaled to a deviation of one, is normal enough and quick.
            step = 2 * (walk() + walk() + walk()) - 3
            self._level *= 1 + STEP * step + PULL * (self._start / self._level - 1)
        half, depth = self._half, self._depth
        middle = max(int(self._level), half + 1)
        bid, ask = middle - half, middle + half
        is_buy = bits & 1 == 1
        price, size = ask if is_buy else bid, 1 + int(-log(1 - uniform()) * depth)
        self._at = max(self._at, now - now % self._precision)
        bid_size, ask_size = 1 + depth * (bits >> 1 & 0xFFFF) // 4096, 1 + depth * (bits >> 17) // 4096
        trade = Trade(self.first_id + self.count, price, size, is_buy, self._at, bid, ask, bid_size, ask_size)
        self.count += 1
        self.volume += size
        if price > self.high:
            self.high = price
        if price < self.low:
            self.low = price
        self.trades.append(trade)
        return trade

    def since(self, trade_id: int, limit: int) -> list[Trade]:
        """At most `limit` remembered trades with ids from `trade_id` on, oldest first."""
        if not self.trades:
            return []
        skipped = max(0, trade_id - self.trades[0].id)
        return list(islice(self.trades, skipped, skipped + limit))

    def price(self, ticks: int) -> bytes:
        """A price as decimal text."""
        unit, template = self._price
        return template % divmod(ticks, unit)

    def size(self, lots: int) -> bytes:
        """A size as decimal text."""
        unit, template = self._size
        return template % divmod(lots, unit)


def _spelling(digits: int) -> tuple[int, bytes]:
    return 10**digits, b"%%d.%%0%dd" % digits
