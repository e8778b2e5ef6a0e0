"""How much of a window is known: the time its source was listening, less what is missing."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.api.candles import Grid, Like, fill
from services.api.coverage import covered, share
from shared.time import MINUTE
from tests.unit.api.test_candles import closes, minute

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair))), max_size=8)


def test_a_source_that_listened_all_the_time_covers_all_of_it() -> None:
    known = covered(0, 10 * MINUTE, [])
    assert known.share(MINUTE, 2 * MINUTE) == b"1"


def test_what_came_before_the_source_and_what_comes_after_its_last_word_is_not_known() -> None:
    #  source    ....|=============|....       minutes 0 to 4, of which 1.5 to 3.25
    known = covered(MINUTE + MINUTE // 2, 3 * MINUTE + MINUTE // 4, [])
    assert [known.share(n * MINUTE, (n + 1) * MINUTE) for n in range(5)] == [b"0", b"0.500000", b"1", b"0.250000", b"0"]


def test_the_smallest_hole_is_seen() -> None:
    known = covered(0, MINUTE, [(30, 30)])
    assert known.share(0, MINUTE) == b"0.999999"


def test_nobody_knows_of_a_source_that_is_not_live() -> None:
    assert share({}, "binance", 0, MINUTE) is None


@given(st.integers(0, 60), st.integers(0, 60), spans, st.integers(0, 50), st.integers(1, 10))
def test_the_share_is_what_is_left_when_each_moment_is_looked_at(
    begun: int, at: int, holes: list[tuple[int, int]], start: int, width: int
) -> None:
    moments = range(start, start + width)
    missing = [any(first <= moment < max(last, first + 1) for first, last in holes) for moment in moments]
    known = sum(begun <= moment < at and not missing[n] for n, moment in enumerate(moments))
    found = Decimal(covered(begun, at, holes).share(start, start + width).decode())
    assert found == (Decimal(known) / width).quantize(Decimal("1e-6"), rounding="ROUND_DOWN")


def test_no_price_is_carried_into_an_outage_nor_past_it() -> None:
    #  a        1  .  .  .  5  .
    #  known    =  =  x  =  =  =
    places = list(Grid(0, 6 * MINUTE, MINUTE, ("a",)).places())
    coverage = {"a": covered(0, 6 * MINUTE, [(2 * MINUTE, 2 * MINUTE + 1)])}
    rows = fill(places, [minute(0, "a", 1), minute(4, "a", 5)], "previous", {}, Like("BTC-USD", "trade", MINUTE), coverage)
    assert closes(rows) == [
        ("00:00", "a", b"1", False),
        ("00:01", "a", b"1", True),
        ("00:02", "a", None, True),
        ("00:04", "a", b"5", False),
        ("00:05", "a", b"5", True),
    ]
    assert [None if row.coverage is None else bytes(row.coverage) for row in rows] == [b"1", b"1", b"0.999999", b"1", b"1"]
