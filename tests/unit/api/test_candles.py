"""Pages of candles: any way of paging and reading gives the same rows; holes are filled as asked."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.api import answers, candles
from services.api.candles import Grid, Like, Place, Windows, fill, merged, place
from shared.aggregations.candles import coarsen
from shared.events import Candle
from shared.time import MINUTE, floor

SOURCES = ("a", "b", "c")
intervals = st.integers(1, 9).map(lambda n: n * MINUTE)
places = st.sets(st.tuples(st.integers(0, 60), st.sampled_from(SOURCES)), max_size=60)


def minute(at: int, source: str = "a", price: int = 1, *, closed: bool = True) -> Candle:
    start, value = at * MINUTE, Decimal(price)
    end = (start, 0, "x")
    return Candle(
        source, "BTC-USD", "trade", MINUTE, start, value, value, value, value, value, value, value, value, 1, 1, 0, end, end, closed
    )


def minutes(found: set[tuple[int, str]]) -> list[Candle]:
    return [minute(at, source, at + 1) for at, source in sorted(found)]


def paged(stored: list[Candle], interval: int, limit: int, chunk: int, budget: int) -> list[Candle]:
    """Every page, one after the other, each from where the last ended, read in chunks."""
    found: list[Candle] = []
    more, after = True, Place(-1, "")
    while more:
        rest = [at for at in stored if (floor(at.start, interval), at.source) > after]
        windows = Windows(interval, limit, budget)
        for n in range(0, len(rest), chunk):
            if not windows.add(rest[n : n + chunk]):
                break
        page, more = windows.page()
        assert len(page) <= limit
        assert page or not more
        found += page
        after = place(page[-1]) if page else after
    return found


@given(places, intervals, st.integers(1, 12), st.integers(1, 20), st.integers(1, 40))
def test_any_paging_gives_the_whole_coarse_candles(found: set[tuple[int, str]], interval: int, limit: int, chunk: int, budget: int) -> None:
    stored = minutes(found)
    whole = sorted((c for source in SOURCES for c in coarsen((m for m in stored if m.source == source), interval)), key=place)
    assert paged(stored, interval, limit, chunk, budget) == whole


@given(places, intervals)
def test_merging_keeps_the_order_of_pages(found: set[tuple[int, str]], interval: int) -> None:
    whole = merged(minutes(found), interval)
    assert [place(candle) for candle in whole] == sorted({Place(floor(at * MINUTE, interval), source) for at, source in found})
    assert sum(candle.tick_count for candle in whole) == len(found)


def test_reading_stops_when_the_page_is_whole_and_another_window_begins() -> None:
    windows = Windows(2 * MINUTE, 2)
    assert windows.add([minute(0), minute(1), minute(2)])
    assert windows.add([minute(3)])
    assert not windows.add([minute(4)])
    page, more = windows.page()
    assert [(candle.start, candle.tick_count) for candle in page] == [(0, 2), (2 * MINUTE, 2)]
    assert more


def test_a_spent_budget_ends_a_page_only_between_windows() -> None:
    #  minutes   0 1 2 3 4 | 5
    #  budget      ^
    windows = Windows(5 * MINUTE, 100, budget=2)
    assert windows.add([minute(n) for n in range(5)])
    assert not windows.add([minute(5)])
    assert [candle.tick_count for candle in windows.page()[0]] == [5]
    assert windows.page()[1]


def test_a_coarse_candle_is_closed_when_every_minute_is() -> None:
    (half,) = merged([minute(0), minute(1, closed=False)], 2 * MINUTE)
    (whole,) = merged([minute(0), minute(1)], 2 * MINUTE)
    assert (half.is_closed, whole.is_closed) == (False, True)


@given(st.integers(0, 30), st.integers(0, 30), intervals, st.sets(st.sampled_from(SOURCES), min_size=1), st.integers(1, 9))
def test_a_grid_has_the_same_places_however_it_is_paged(start: int, length: int, interval: int, sources: set[str], limit: int) -> None:
    end = start * interval + length * MINUTE
    grid = Grid(start * interval, end, interval, tuple(sorted(sources)))
    whole = [Place(at, source) for at in range(start * interval, end, interval) for source in sorted(sources)]
    found: list[Place] = []
    more = True
    while more:
        page, more = after(grid, found).page(limit)
        found += page
    assert found == whole


def after(grid: Grid, found: list[Place]) -> Grid:
    return Grid(grid.start, grid.end, grid.interval, grid.sources, found[-1] if found else None)


def test_a_grid_over_all_time_is_counted_out_only_as_far_as_the_page() -> None:
    page, more = Grid(0, 10**18, MINUTE, SOURCES).page(2)
    assert (page, more) == ([Place(0, "a"), Place(0, "b")], True)


def test_a_page_of_days_holds_no_more_days_than_can_be_read() -> None:
    page, more = Grid(0, 10**18, 1440 * MINUTE, SOURCES).page(5000)
    assert (len(page), more) == (candles.MINUTES_PER_PAGE // 1440, True)


LIKE = Like("BTC-USD", "trade", MINUTE)


def closes(rows: list[answers.Candle]) -> list[tuple[str, str, bytes | None, bool]]:
    return [(row.start[11:16], row.source, None if row.close is None else bytes(row.close), row.filled) for row in rows]


def test_previous_repeats_the_last_close_and_begins_with_the_first_tick() -> None:
    #  a   .  2  .  4     b   (7)  .  .  9      (7): the last close before the page
    grid = Grid(0, 4 * MINUTE, MINUTE, ("a", "b"))
    stored = [minute(1, "a", 2), minute(3, "a", 4), minute(3, "b", 9)]
    rows = fill(list(grid.places()), stored, "previous", {"b": Decimal("7.0")}, LIKE)
    assert closes(rows) == [
        ("00:00", "b", b"7.0", True),
        ("00:01", "a", b"2", False),
        ("00:01", "b", b"7.0", True),
        ("00:02", "a", b"2", True),
        ("00:02", "b", b"7.0", True),
        ("00:03", "a", b"4", False),
        ("00:03", "b", b"9", False),
    ]


def test_null_gives_every_place_a_row() -> None:
    rows = fill(list(Grid(0, 2 * MINUTE, MINUTE, ("a", "b")).places()), [minute(1, "a", 2)], "null", {}, LIKE)
    assert closes(rows) == [("00:00", "a", None, True), ("00:00", "b", None, True), ("00:01", "a", b"2", False), ("00:01", "b", None, True)]


def test_a_hole_after_a_price_traded_nothing_and_a_hole_of_nulls_says_nothing() -> None:
    known, unknown = LIKE.hole(0, "a", Decimal("1.50")), LIKE.hole(0, "a", None)
    quiet = Like("BTC-USD", "quote", MINUTE).hole(0, "a", Decimal("1.50"))
    assert [known.open, known.high, known.low, known.close] == [msgspec.Raw(b"1.50")] * 4
    assert [known.volume, known.buy_volume, known.vwap, known.tick_count] == [msgspec.Raw(b"0"), msgspec.Raw(b"0"), None, 0]
    assert [unknown.open, unknown.volume, unknown.tick_count, unknown.is_closed] == [None, None, 0, None]
    assert [quiet.close, quiet.volume] == [msgspec.Raw(b"1.50"), None]


@given(places, intervals, st.sampled_from(["null", "previous"]), st.integers(1, 7))
def test_filling_is_the_same_however_it_is_paged(found: set[tuple[int, str]], interval: int, filling: candles.Filling, limit: int) -> None:
    stored, like = minutes(found), Like("BTC-USD", "trade", interval)

    def rows(page: list[Place]) -> list[answers.Candle]:
        """As the reader does it: whole windows from the page's first to its last, and the last closes before."""
        first, last = page[0].start, page[-1].start + interval
        before = {m.source: m.close for m in stored if m.start < first}
        between = merged([m for m in stored if first <= m.start < last], interval)
        return fill(page, between, filling, before, like)

    grid = list(Grid(0, 60 * MINUTE, interval, SOURCES).places())
    parts = [row for n in range(0, len(grid), limit) for row in rows(grid[n : n + limit])]
    assert parts == rows(grid)
