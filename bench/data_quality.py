"""`python -m bench.data_quality`: feeds with seeded faults, how many of them are flagged, and how many clean ticks are flagged with them.

    python -m bench.data_quality                       20 symbols, two hours of each, as in docs/data-quality.md
    python -m bench.data_quality --symbols 3 --hours 0.5 --seed 7

A symbol has a fair price that wanders and at times jumps; three venues trade and quote around it, each with its own delay and noise, and an
index is polled. One source at a time is made wrong, in one way. The same seed gives the same feeds and the same figures, bar the speed.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import merge
from operator import attrgetter

from services.transformer.quality.judge import judge
from services.transformer.quality.rules import Rules
from services.transformer.quality.state import Market
from shared.events import FlagName, IndexPrice, Origin, Quote, Tick, Trade
from shared.time import HOUR, SECOND

START = 1_770_000_000 * SECOND
VENUES = {"coinbase": 1.0, "kraken": 1.5, "bitstamp": 4.0}  # seconds between ticks
INDEX = "coingecko"
FAULTS: tuple[FlagName, ...] = ("crossed", "diverging", "frozen", "spike", "stale")


@dataclass
class Fault:
    """One seeded fault of a source in [start, end) us; `by` is the relative error of a spike or a divergence."""

    name: FlagName
    source: str
    start: int
    end: int
    by: float = 0.0
    price: float = 0.0  # of a freeze
    ticks: int = 0  # that are wrong
    flagged: bool = False
    after: float = 0.0  # seconds until it was flagged


@dataclass
class Found:
    """What came of some feeds."""

    ticks: int = 0
    clean: int = 0
    false: Counter[str] = field(default_factory=Counter)  # clean ticks flagged, by flag
    false_ticks: int = 0
    false_stale: int = 0
    faults: list[Fault] = field(default_factory=list)
    seconds: float = 0.0


def fair(chance: random.Random, seconds: int) -> list[float]:
    """A price a second: a random walk of 0.6 % an hour, with a jump of 2 to 4 % every half hour or so."""
    price, path = chance.uniform(1, 60_000), list[float]()
    while len(path) < seconds:
        price *= 1 + chance.gauss(0, 1e-4)
        if chance.random() < 1 / 1800:
            price *= 1 + chance.choice((-1, 1)) * chance.uniform(0.02, 0.04)
        path.append(price)
    return path


def faults(chance: random.Random, path: list[float]) -> list[Fault]:
    """Every three minutes or so one source is wrong in one way; all are right for a minute in between."""
    found, second = [], 120
    while second < len(path) - 700:
        if (
            abs(path[second + 10] / path[second - 10] - 1) > 0.01
        ):  # a spike from a price that nobody has seen yet may lead to the one before
            second += 30
            continue
        name, source, start = chance.choice(FAULTS), chance.choice(list(VENUES)), START + second * SECOND
        length = {"crossed": 20, "diverging": 60, "spike": 1, "stale": 180}.get(name) or _freeze(path, second)
        by = chance.choice((-1, 1)) * (chance.uniform(0.03, 0.2) if name == "spike" else chance.uniform(0.015, 0.05))
        found.append(Fault(name, source, start, start + length * SECOND, by, path[second]))
        second += length + chance.randint(60, 180)
    return found


def _freeze(path: list[float], second: int) -> int:
    """A minute at least, and until the fair price has been 0.3 % away for half a minute: before that nobody could know."""
    length = 60
    while second + length < len(path) - 60 and abs(path[second + length - 30] / path[second] - 1) < 0.003:
        length += 1
    return length


def feeds(chance: random.Random, symbol: str, path: list[float], wrong: list[Fault]) -> Iterator[tuple[Tick, Fault | None]]:
    """All ticks of a symbol in the order in which they are received, each with the fault that it is an instance of."""
    sources = [_venue(random.Random(chance.random()), symbol, name, path, wrong) for name in VENUES]
    sources.append(_index(random.Random(chance.random()), symbol, path))
    return merge(*sources, key=lambda item: item[0].received_at)


def _venue(chance: random.Random, symbol: str, source: str, path: list[float], wrong: list[Fault]) -> Iterator[tuple[Tick, Fault | None]]:
    at, end, number, spiked = START, START + len(path) * SECOND, 0, set[int]()
    own, sequence = [fault for fault in wrong if fault.source == source], 0
    while (at := at + int(chance.expovariate(1 / VENUES[source]) * SECOND) + 1) < end:
        while sequence < len(own) and own[sequence].end <= at and (own[sequence].name != "spike" or sequence in spiked):
            sequence += 1
        fault = own[sequence] if sequence < len(own) and own[sequence].start <= at else None
        if fault and fault.name == "stale":
            continue
        price = path[(at - START) // SECOND] * (1 + chance.gauss(0, 5e-5))
        if fault and fault.name == "frozen":
            price = fault.price
        elif fault and fault.name in ("spike", "diverging"):
            price *= 1 + fault.by
            spiked.add(sequence)
        number += 1
        received, origin = at + chance.randint(5_000, 400_000), Origin(1, 0, number)
        envelope = (str(number), number, source, received, origin)
        if number % 2 and not (fault and fault.name in ("spike", "crossed")):
            yield Trade(symbol, symbol, at, _decimal(price), Decimal(1), "buy", *envelope), fault
        else:
            crossed = -3 if fault and fault.name == "crossed" else 1
            half = price * 5e-5 * crossed
            yield Quote(symbol, symbol, at, _decimal(price - half), _decimal(price + half), None, None, *envelope), fault


def _index(chance: random.Random, symbol: str, path: list[float]) -> Iterator[tuple[Tick, Fault | None]]:
    for number in range(1, len(path) // 10):
        at = START + number * 10 * SECOND
        price = _decimal(path[number * 10 - 1] * (1 + chance.gauss(0, 1e-4)))
        yield IndexPrice(symbol, symbol, at - SECOND, price, str(number), 0, INDEX, at, Origin(1, 1, number)), None


def _decimal(price: float) -> Decimal:
    return Decimal(f"{price:.4f}" if price < 1000 else f"{price:.2f}")


def measure(symbols: int, hours: float, seed: int, rules: Rules | None = None) -> Found:
    """Judges the feeds of so many symbols."""
    found, given = Found(), rules or Rules()
    for n in range(symbols):
        chance = random.Random(f"{seed}/{n}")
        path = fair(chance, int(hours * HOUR / SECOND))
        wrong = faults(chance, path)
        found.faults += wrong
        _judge(f"S{n}-USD", list(feeds(chance, f"S{n}-USD", path, wrong)), wrong, given, found)
    return found


def _judge(symbol: str, ticks: list[tuple[Tick, Fault | None]], wrong: list[Fault], rules: Rules, found: Found) -> None:
    market, silent, standing = Market(symbol), [fault for fault in wrong if fault.name == "stale"], attrgetter("standing")
    began = time.perf_counter()
    for tick, fault in ticks:
        told = judge(market, tick, rules)
        names = standing(market.streams[tick.source][tick.kind])
        found.ticks += 1
        found.clean += fault is None
        if fault:
            fault.ticks += 1
        for flag in told:
            if flag.flag == "stale" and flag.end is None:
                _stale(flag.source, flag.start, silent, found)
        if not names:
            continue
        if fault is None:
            found.false.update(list(names))
            found.false_ticks += 1
        elif fault.name in names and not fault.flagged:
            fault.flagged, fault.after = True, (tick.received_at - fault.start) / SECOND
    found.seconds += time.perf_counter() - began


def _stale(source: str, at: int, silent: list[Fault], found: Found) -> None:
    for fault in silent:
        if fault.source == source and fault.start <= at <= fault.end + SECOND:
            fault.after = fault.after if fault.flagged else (at - fault.start) / SECOND
            fault.flagged = True
            return
    found.false_stale += 1


def render(found: Found) -> str:
    """The table of docs/data-quality.md."""
    lines = ["| seeded fault | episodes | flagged | after (median, worst) |", "|---|---|---|---|"]
    for name in FAULTS:
        some = [fault for fault in found.faults if fault.name == name and (fault.ticks or name == "stale")]
        after = sorted(fault.after for fault in some if fault.flagged) or [0.0]
        times = f"{after[len(after) // 2]:.1f} s, {after[-1]:.1f} s"
        lines.append(f"| {name} | {len(some)} | {sum(fault.flagged for fault in some)} | {times} |")
    share = 100 * found.false_ticks / found.clean
    by_flag = ", ".join(f"{name} {count}" for name, count in sorted(found.false.items())) or "none"
    return "\n".join(
        [
            *lines,
            "",
            f"clean ticks flagged: {found.false_ticks} of {found.clean:,} ({share:.4f} %): {by_flag}",
            f"stale raised outside the seeded silences: {found.false_stale}",
            f"speed: {found.ticks / found.seconds:,.0f} ticks/s on one core",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m bench.data_quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--symbols", type=int, default=20)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(render(measure(given.symbols, given.hours, given.seed)))
