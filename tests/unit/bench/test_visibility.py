"""What a watcher saw, turned into the delay of each tick."""

from bench.visibility import delays


def test_a_tick_is_visible_from_the_first_look_at_or_past_it() -> None:
    """
    looks    |....1....2....2....5|    the newest tick's place at each look
    """
    seen = [(10.0, (1, 0)), (10.1, (2, 0)), (10.2, (2, 0)), (10.3, (5, 0))]
    ticks = [((1, 0), 9.5), ((2, 0), 10.0), ((3, 7), 10.0), ((5, 0), 10.25)]
    assert [round(delay or -1, 6) for delay in delays(seen, ticks)] == [0.5, 0.1, 0.3, 0.05]


def test_ticks_of_one_time_are_told_apart_by_their_sequence() -> None:
    seen = [(10.0, (1, 4)), (11.0, (1, 6))]
    assert delays(seen, [((1, 4), 9.0), ((1, 5), 9.0)]) == [1.0, 2.0]


def test_a_tick_that_was_never_seen_has_no_delay() -> None:
    assert delays([(10.0, (1, 0))], [((2, 0), 9.0)]) == [None]
    assert delays([], [((2, 0), 9.0)]) == [None]


def test_a_look_at_an_older_candle_takes_nothing_back() -> None:
    seen = [(10.0, (5, 0)), (10.1, (3, 0)), (10.2, (6, 0))]
    assert delays(seen, [((4, 0), 9.0)]) == [1.0]
