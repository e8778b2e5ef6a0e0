"""Which ids are missing, however they arrive; and what a source's watch makes of frames and pages."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.live import holes
from services.fetcher.live.watch import GRACE, MOST_HOLES, Watch
from shared.events import Progress
from shared.tape import TAPES, ids_of

AT = 1_700_000_000_000_000


def fold(numbers: list[int], tell: int = 0) -> Progress:
    """All of them, each executed at a time of its own; after every `tell`th what is missing is on the ledger."""
    progress = holes.see(None, numbers[0], AT + numbers[0], 0, "x")
    for now, number in enumerate(numbers[1:], 1):
        progress = holes.see(progress, number, AT + number, now, "x")
        for hole in progress.missing if tell and not now % tell else ():
            progress = holes.told(progress, hole.first)
    return progress


@given(st.lists(st.integers(1, 40), min_size=1, max_size=80), st.integers(0, 5))
def test_every_id_from_the_first_on_is_seen_or_in_exactly_one_hole(numbers: list[int], tell: int) -> None:
    progress = fold(numbers, tell)
    wanted = set(range(numbers[0], max(numbers) + 1)) - set(numbers)
    left = [number for hole in progress.missing for first, last in hole.left for number in range(first, last + 1)]
    assert sorted(left) == sorted(wanted)
    assert progress.last == max(numbers)
    assert all(hole.left or hole.told for hole in progress.missing)
    ranges = sorted((hole.first, hole.last) for hole in progress.missing)
    assert all(before[1] < behind[0] for before, behind in pairwise(ranges))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_seeing_ids_again_changes_nothing(numbers: list[int]) -> None:
    again = progress = fold(numbers)
    for number in numbers:
        again = holes.see(again, number, AT + number, 99, "y")
    assert again == progress


def test_a_hole_knows_the_trades_around_it_and_from_when_on_it_lacks_some() -> None:
    #  ids   5 . . . . 10   then 6, 7
    (hole,) = fold([5, 10, 6, 7]).missing
    assert (hole.first, hole.last, hole.left) == (6, 9, ((8, 9),))
    assert (hole.start, hole.end, hole.after) == (AT + 5, AT + 10, AT + 7)


def test_a_hole_in_the_middle_of_a_hole_leaves_both_ends() -> None:
    assert fold([1, 9, 5]).missing[0].left == ((2, 4), (6, 8))


def trade(number: int) -> bytes:
    return b'{"e":"trade","E":1,"s":"BTCUSDT","t":%d,"p":"1.0","q":"1.0","T":%d,"m":true,"M":true}' % (number, 1_700_000_000_000 + number)


def watch() -> Watch:
    return Watch(TAPES["binance"], "trade", ["BTCUSDT"], ids_of("binance"))


def test_a_late_frame_fills_a_hole_before_anybody_is_told() -> None:
    found = watch()
    for now, number in enumerate((1, 2, 4, 3)):
        found.frame(trade(number), now)
    assert found.due(10 * GRACE) == []
    assert found.ended() == []


def test_what_is_due_is_told_once_and_ends_with_the_page_that_fills_it() -> None:
    found = watch()
    found.frame(trade(1), 0)
    found.interrupted("reset")
    found.frame(trade(5), 0)
    found.frame(trade(9), 0)
    assert found.due(GRACE - 1) == []
    (native, first), (_, second) = found.due(GRACE)
    assert (first.reason, second.reason) == ("reset", "missing in the stream")
    found.told(native, first)
    found.page(native, [(4, AT), (2, AT), (3, AT)], GRACE)
    assert [(hole.first, hole.last) for _, hole in found.ended()] == [(2, 4)]
    successor = watch()
    successor.load(found.snapshot())
    assert successor.ended() == found.ended()
    found.end(*found.ended()[0])
    assert found.ended() == []


def test_a_successor_goes_on_where_the_checkpoint_stands() -> None:
    before, after = watch(), watch()
    for number in (1, 2, 6):
        before.frame(trade(number), 0)
    after.load(before.snapshot())
    after.interrupted("the fetcher before this one died")
    after.frame(trade(8), 0)
    assert [(hole.first, hole.last, hole.reason) for hole in after.progress["BTCUSDT"].missing] == [
        (3, 5, "missing in the stream"),
        (7, 7, "the fetcher before this one died"),
    ]


def test_a_broken_copy_of_a_frame_is_no_trade() -> None:
    found = watch()
    found.frame(trade(1), 0)
    found.frame(trade(2)[:-9], 0)
    found.frame(trade(2).replace(b'"1.0"', b'{"value":null}', 1), 0)
    found.frame(trade(2).replace(b"BTCUSDT", b"ETHUSDT"), 0)
    assert found.progress["BTCUSDT"].last == 1


def test_more_holes_than_can_be_kept_are_given_up_from_the_oldest_on() -> None:
    found = watch()
    for number in range(0, 2 * MOST_HOLES + 6, 2):
        found.frame(trade(number), 0)
    ((native, oldest),) = found.too_many()
    found.end(native, oldest)
    assert oldest.first == 1
    assert found.hole(native, 1) is None
