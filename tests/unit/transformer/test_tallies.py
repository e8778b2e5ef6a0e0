"""Counts per block of 4,096 raw offsets, source, run and hour of receive time."""

from __future__ import annotations

import msgspec

from services.transformer.tallies import BLOCK, Tallies
from shared.events import Count, Tally
from shared.time import HOUR

AT = 1_610_064_000_000_000  # an hour's start


def test_counts_are_kept_by_source_run_and_hour() -> None:
    tallies = Tallies("market.raw.v1", 3, 9)
    tallies.add("b", None, AT + 5, received=1)
    tallies.add("b", None, AT + HOUR - 1, received=2, rejected=1)
    tallies.add("b", None, AT + HOUR, ignored=1)
    tallies.add("a", "prices-1", AT, received=1)
    counts = [Count("a", "prices-1", AT, 1, 0, 0), Count("b", "", AT, 3, 1, 0), Count("b", "", AT + HOUR, 0, 0, 1)]
    assert tallies.snapshot(17) == Tally("market.raw.v1", 3, 9, 0, 17, counts)


def test_a_block_is_finished_when_the_next_one_begins() -> None:
    tallies = Tallies("market.raw.v1", 0, 9)
    assert tallies.enter(0) is None
    tallies.add("a", None, AT, received=1)
    assert tallies.enter(BLOCK - 1) is None
    assert tallies.enter(BLOCK) == Tally("market.raw.v1", 0, 9, 0, BLOCK, [Count("a", "", AT, 1, 0, 0)])
    assert (tallies.block, tallies.counts()) == (1, [])


def test_a_block_that_counted_nothing_is_not_published() -> None:
    tallies = Tallies("market.raw.v1", 0, 9)
    assert tallies.enter(5 * BLOCK) is None
    assert tallies.block == 5


def test_only_new_counts_are_a_change() -> None:
    tallies = Tallies("market.raw.v1", 0, 9)
    seen = [tallies.changed]
    tallies.add("a", None, AT, received=1)
    seen.append(tallies.changed)
    tallies.snapshot(1)
    seen.append(tallies.changed)
    assert seen == [False, True, False]


def test_counts_go_on_after_a_restart() -> None:
    tallies = Tallies("market.raw.v1", 0, 9, 2, [Count("a", "", AT, 5, 2, 1)])
    assert not tallies.changed
    tallies.add("a", None, AT, received=1, rejected=1)
    assert tallies.snapshot(3 * BLOCK).counts == [Count("a", "", AT, 6, 3, 1)]


def test_names_that_differ_in_their_last_character_stay_apart_after_a_restart() -> None:
    names = ["s" * 255 + "a", "s" * 255 + "b"]
    tallies = Tallies("ops.raw.v1", 0, 9)
    for name in names:
        tallies.add(name, None, AT, received=1)
    kept = msgspec.json.decode(msgspec.json.encode(tallies.counts()), type=list[Count])
    again = Tallies("ops.raw.v1", 0, 9, 0, kept)
    assert [(count.source, count.received) for count in again.counts()] == [(name, 1) for name in names]
