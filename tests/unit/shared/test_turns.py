"""Slices of polled records: every record once, in its partition's order, and no partition waits for all of another's."""

from hypothesis import given
from hypothesis import strategies as st

from shared import turns
from shared.records import Stored
from shared.turns import Turns

LIMIT = 3


def records(first: int, count: int, size: int = 1) -> list[Stored]:
    return [Stored(0, offset, 0, b"k", b"x" * size, ()) for offset in range(first, first + count)]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 10), max_size=3), max_size=8))
def test_each_record_has_its_turn_once_and_in_order(polls: list[dict[str, int]]) -> None:
    waiting, seen, ends = Turns[str](1_000, LIMIT), dict[str, list[int]](), dict[str, int]()
    for polled in polls:
        waiting.add({name: records(ends.get(name, 0), count) for name, count in polled.items()})
        ends.update({name: ends.get(name, 0) + count for name, count in polled.items()})
        for name, taken in waiting.round():
            assert 1 <= len(taken) <= LIMIT
            seen.setdefault(name, []).extend(record.offset for record in taken)
    while waiting.records:
        for name, taken in waiting.round():
            seen.setdefault(name, []).extend(record.offset for record in taken)
    assert seen == {name: list(range(end)) for name, end in ends.items()}
    assert waiting.room == 1_000


def test_a_partition_with_much_does_not_hold_up_another() -> None:
    waiting = Turns[str](1_000, LIMIT)
    waiting.add({"much": records(0, 100), "little": records(0, 1)})
    assert [(name, len(taken)) for name, taken in waiting.round()] == [("much", LIMIT), ("little", 1)]
    waiting.add({"little": records(1, 1)})
    assert [(name, [record.offset for record in taken]) for name, taken in waiting.round()] == [("much", [3, 4, 5]), ("little", [1])]


def test_a_partition_that_has_enough_is_not_wanted() -> None:
    waiting = Turns[str](1_000, LIMIT)
    waiting.add({"much": records(0, 10), "little": records(0, 4)})
    assert waiting.wanted(["much", "little", "none"], 10) == ["little", "none"]
    waiting.batch(4)
    assert waiting.wanted(["much", "little", "none"], 10) == ["much", "little", "none"]


def test_large_records_make_small_slices_and_leave_no_room() -> None:
    waiting = Turns[str](1_000, LIMIT)
    waiting.add({"a": records(0, 70, turns.SLICE_BYTES)})
    assert waiting.room == 0
    assert [len(taken) for _, taken in waiting.round()] == [1]
    waiting.keep(())
    assert (waiting.room, waiting.records) == (1_000, 0)


def test_the_records_of_a_partition_that_is_lost_are_dropped_within_a_round() -> None:
    waiting = Turns[str](1_000, LIMIT)
    waiting.add({"a": records(0, 9), "b": records(0, 9)})
    seen = []
    for name, taken in waiting.round():
        seen.append((name, len(taken)))
        waiting.keep({"a"})
    assert seen == [("a", LIMIT)]
    assert waiting.records == 6


def test_slow_records_make_small_slices_until_they_are_quick_again() -> None:
    waiting, sizes = Turns[str](100_000, 2_000), list[int]()
    waiting.add({"a": records(0, 100_000)})
    for seconds in (1.0, 0.05, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 10.0, 0.01):
        ((_, taken),) = waiting.round()
        waiting.took("a", len(taken), seconds)
        sizes.append(len(taken))
    assert sizes == [2_000, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000, 10]
    waiting.took("b", 5, 2.0)
    waiting.add({"b": records(0, 100)})
    assert {name: len(taken) for name, taken in waiting.round()}["b"] == 1


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 10), max_size=3), max_size=8), st.integers(1, 12))
def test_batches_have_each_record_once_in_order_and_as_much_of_each_partition(polls: list[dict[str, int]], most: int) -> None:
    waiting, seen, ends = Turns[str](1_000, LIMIT), dict[str, list[int]](), dict[str, int]()
    for polled in [*polls, *[{}] * 250]:
        waiting.add({name: records(ends.get(name, 0), count) for name, count in polled.items()})
        ends.update({name: ends.get(name, 0) + count for name, count in polled.items()})
        before = waiting.records
        taken = waiting.batch(most)
        assert sum(map(len, taken.values())) == min(most, before) == before - waiting.records
        for name, found in taken.items():
            seen.setdefault(name, []).extend(record.offset for record in found)
        left = {name: ends[name] - len(seen.get(name, ())) for name in ends}
        waits = [len(taken.get(name, ())) for name, count in left.items() if count]
        assert all(len(found) <= min(waits, default=most) + 1 for found in taken.values()), "who waits has had its share"
    assert seen == {name: list(range(end)) for name, end in ends.items()}
    assert waiting.room == 1_000
