"""Candles are folds: any order, any split and any merge of distinct ticks give the same one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from random import Random
from typing import get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aggregations.candles import Key, coarsen, fold, merge, row
from shared.events import Bar, Candle, IndexPrice, Origin, Quote, Side, Tick, Trade, tick_id
from shared.time import DAY, HOUR, MINUTE

START = 1_610_064_000_000_000
SIDES: tuple[Side | None, ...] = (*get_args(Side), None)
WIDTHS = (2 * MINUTE, 5 * MINUTE, 7 * MINUTE, HOUR, DAY)
seeds = st.integers(0, 2**32 - 1)


def amount(chance: Random) -> Decimal:
    """Up to 18 digits before and after the point, with all of them used as often as few."""
    places = chance.choice((0, 2, 8, 18))
    return Decimal(chance.randint(1, 10 ** (places + chance.choice((0, 2, 18))) - 1 or 1)).scaleb(-places)


def tick(chance: Random, number: int, span: int) -> Tick:
    """A distinct tick of one source and symbol; times and sequences often coincide, ids never."""
    at = START + chance.randrange(span) // 1_000_000 * 1_000_000 + chance.choice((0, 0, 1, 999_999))
    sequence, late = chance.choice((0, number, 7)), chance.random() < 0.2
    kind = chance.choice(("trade", "trade", "quote", "index", "bar", "bar"))
    if kind == "trade":
        return Trade("X", "X", at, amount(chance), amount(chance), chance.choice(SIDES), str(number), sequence, "s", at, late=late)
    if kind == "quote":
        return Quote("X", "X", at, amount(chance), amount(chance), quote_id=str(number), sequence=sequence, source="s", late=late)
    if kind == "bar":
        low, *between, high = sorted(amount(chance) for _ in range(4))
        vwap = chance.choice((None, low, high, *between))
        prices = (between[0], high, low, between[1], amount(chance), vwap, chance.randrange(9))
        return Bar("X", "X", at, MINUTE, *prices, bar_id=str(number), sequence=sequence, source="s", late=late)
    return IndexPrice("X", "X", at, amount(chance), str(number), sequence, "s", late=late)


@st.composite
def ticks(draw: st.DrawFn, *, span: int = 3 * MINUTE) -> list[Tick]:
    """Distinct ticks over that span."""
    chance = Random(draw(seeds))
    return [tick(chance, number, span) for number in range(draw(st.integers(1, 25)))]


def joined(parts: Sequence[dict[Key, Candle]]) -> dict[Key, Candle]:
    """The merge of folds of disjoint ticks."""
    whole: dict[Key, Candle] = {}
    for part in parts:
        for key, candle in part.items():
            whole[key] = merge(whole[key], candle) if key in whole else candle
    return whole


@settings(max_examples=100, deadline=None)
@given(ticks(), seeds)
def test_any_order_and_any_split_give_the_same_candles(given_ticks: list[Tick], seed: int) -> None:
    chance = Random(seed)
    shuffled = chance.sample(given_ticks, len(given_ticks))
    parts: list[list[Tick]] = [[] for _ in range(chance.randint(1, 5))]
    for each in shuffled:
        chance.choice(parts).append(each)
    assert fold(shuffled) == fold(given_ticks)
    assert joined([fold(part) for part in parts]) == fold(given_ticks)


def flagged(chance: Random, candle: Candle) -> Candle:
    """The candle as some stage of its life might have left it."""
    closed, stored = chance.random() < 0.5, chance.random() < 0.5
    return msgspec.structs.replace(
        candle, is_closed=closed, from_store=stored, last_origin=Origin(1, 0, chance.randrange(9), chance.randrange(3))
    )


@settings(max_examples=100, deadline=None)
@given(ticks(span=MINUTE), seeds)
def test_a_merge_is_commutative_and_associative(given_ticks: list[Tick], seed: int) -> None:
    chance = Random(seed)
    for key in fold(given_ticks):
        alike = [each for each in given_ticks if each.kind == key[2]]
        singles = [flagged(chance, candle) for each in alike for candle in fold([each]).values()]
        left = reduce(merge, singles)
        assert reduce(merge, chance.sample(singles, len(singles))) == left
        assert reduce(lambda a, b: merge(b, a), singles) == left
        assert reduce(lambda a, b: merge(b, a), reversed(singles)) == left
        assert left.tick_count == len(alike)
        assert left.revision == (max(map(row, alike))[1] if key[2] == "bar" else len(alike))


@settings(max_examples=100, deadline=None)
@given(ticks(span=3 * HOUR), st.sampled_from(WIDTHS))
def test_coarser_candles_are_the_folds_of_their_width(given_ticks: list[Tick], width: int) -> None:
    minutes = fold(given_ticks)
    for kind in {key[2] for key in minutes}:
        alike = [each for each in given_ticks if each.kind == kind]
        expected: dict[int, list[Tick]] = {}
        for each in alike:
            expected.setdefault(each.event_time // width * width, []).append(each)
        found = coarsen([candle for key, candle in minutes.items() if key[2] == kind], width)
        assert [candle.start for candle in found] == sorted(expected)
        for candle in found:
            assert candle == msgspec.structs.replace(wide(expected[candle.start]), start=candle.start, interval=width)


def wide(alike: list[Tick]) -> Candle:
    """One candle of ticks of one kind, whatever their minutes: their order kept, their times moved into one."""
    ordered = sorted(alike, key=place)
    squeezed = {START + at: each for at, each in enumerate(ordered)}
    [candle] = fold([msgspec.structs.replace(each, event_time=at) for at, each in squeezed.items()]).values()
    return msgspec.structs.replace(candle, first=place(ordered[0]), last=place(ordered[-1]))


def place(each: Tick) -> tuple[int, int, str]:
    """Where a tick stands among others."""
    return each.event_time, each.sequence, tick_id(each)


@settings(max_examples=60, deadline=None)
@given(ticks(span=2 * HOUR), seeds)
def test_coarsening_does_not_depend_on_the_order_of_minutes_nor_on_steps_between(given_ticks: list[Tick], seed: int) -> None:
    minutes = [candle for key, candle in fold(given_ticks).items() if key[2] == given_ticks[0].kind]
    shuffled = Random(seed).sample(minutes, len(minutes))
    assert coarsen(shuffled, HOUR) == coarsen(minutes, HOUR) == coarsen(coarsen(minutes, 5 * MINUTE), HOUR)


@settings(max_examples=60, deadline=None)
@given(ticks())
def test_a_candle_survives_the_wire(given_ticks: list[Tick]) -> None:
    for candle in fold(given_ticks).values():
        assert msgspec.json.decode(msgspec.json.encode(candle), type=Candle) == candle
        assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
