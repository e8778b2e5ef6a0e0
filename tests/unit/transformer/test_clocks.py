"""Watermarks: moved by events and by heartbeats in silence, in log time only. `E` an event, `H` a heartbeat, `C` a connect; seconds."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.transformer.clocks import Clock, Rules
from shared.time import DAY, SECOND

RULES = Rules(out_of_orderness=2 * SECOND, idle_timeout=5 * SECOND)
T0 = 1_610_064_000 * SECOND


def at(second: float) -> int:
    return T0 + round(second * SECOND)


def after(clock: Clock) -> float:
    """The watermark in seconds after T0."""
    return (clock.watermark - T0) / SECOND


def test_an_event_moves_the_watermark_to_its_time_less_the_disorder_allowed() -> None:
    # log    0    1    2    3
    # event  0         10   4       the late one moves nothing
    # wm    -2         8    8
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    assert after(clock) == -2
    clock.event(at(10), at(2), RULES)
    assert after(clock) == 8
    clock.event(at(4), at(3), RULES)
    assert after(clock) == 8


def test_heartbeats_in_silence_advance_the_watermark_by_the_log_time_that_passes() -> None:
    # log    0    1    4.9  5    6    9
    #        E    H    H    H    H    H
    # wm    -2   -2   -2    3    4    7      silence counts from 5 s on, all of it
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    seen = []
    for second in (1, 4.999999, 5, 6, 9):
        clock.heartbeat(1, at(second), RULES)
        seen.append(after(clock))
    assert seen == [-2, -2, 3, 4, 7]


def test_a_delayed_source_keeps_its_delay_in_silence() -> None:
    # the source is a day behind
    # log    0          10
    #        E(-1 d)    H
    # wm    -1 d - 2    -1 d + 8
    clock = Clock(epoch=1)
    clock.event(at(0) - DAY, at(0), RULES)
    clock.heartbeat(1, at(10), RULES)
    assert clock.watermark == at(8) - DAY


def test_without_heartbeats_nothing_moves() -> None:
    # log    0     …     1 d
    #        E           (nothing was written)
    # wm    -2          -2
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    assert after(clock) == -2


def test_an_event_ends_the_silence() -> None:
    # log    0    4    8    9    13
    #        E    E    H    H    H
    # wm    -2    2    2    7   11          5 s of silence begin at 4
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    clock.event(at(4), at(4), RULES)
    seen = []
    for second in (8, 9, 13):
        clock.heartbeat(1, at(second), RULES)
        seen.append(after(clock))
    assert seen == [2, 7, 11]


def test_a_watermark_that_heartbeats_moved_does_not_go_back_for_a_later_event() -> None:
    # log    0    10   11   12
    #        E    H    E    E
    # event  0         3    20
    # wm    -2    8    8    18
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    clock.heartbeat(1, at(10), RULES)
    clock.event(at(3), at(11), RULES)
    assert after(clock) == 8
    clock.event(at(20), at(12), RULES)
    assert after(clock) == 18


def test_heartbeats_of_an_older_owner_are_ignored() -> None:
    # log    0    1     10    11
    #        E    H(2)  H(1)  H(2)
    # wm    -2   -2    -2     8           the new owner's first heartbeat began the silence at 1
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    clock.heartbeat(2, at(1), RULES)
    clock.heartbeat(1, at(10), RULES)
    assert after(clock) == -2
    clock.heartbeat(2, at(11), RULES)
    assert after(clock) == 8


def test_a_new_owner_starts_the_silence_anew() -> None:
    # log    0    20     24     25
    #        E    H(2)   H(2)   H(2)
    # wm    -2   -2     -2      3          what its predecessor received after 0 may be lost: no 20 s of silence
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    seen = []
    for second in (20, 24, 25):
        clock.heartbeat(2, at(second), RULES)
        seen.append(after(clock))
    assert seen == [-2, -2, 3]


def test_a_reconnect_starts_the_silence_anew() -> None:
    # log    0    20   21   24   25
    #        E    C    H    H    H
    # wm    -2   -2   -2   -2    3         the outage was no silence
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    clock.connect(1, at(20))
    seen = []
    for second in (21, 24, 25):
        clock.heartbeat(1, at(second), RULES)
        seen.append(after(clock))
    assert seen == [-2, -2, 3]


def test_a_connect_of_an_older_owner_is_ignored() -> None:
    # log    0    4     5
    #        E    C(1)  H(2)
    # wm    -2   -2     3
    clock = Clock(epoch=2)
    clock.event(at(0), at(0), RULES)
    clock.connect(1, at(4))
    clock.heartbeat(2, at(5), RULES)
    assert (after(clock), clock.epoch) == (3, 2)


def test_a_source_that_has_sent_nothing_has_no_watermark() -> None:
    # log    0    100
    #        H    H
    clock = Clock(epoch=1)
    clock.heartbeat(1, at(0), RULES)
    clock.heartbeat(1, at(100), RULES)
    assert clock.watermark == 0


def test_what_is_not_newer_does_not_end_the_silence() -> None:
    # log    0    3        5    6        9    14
    #        E    E(0)     H    E(-9)    H    H        a duplicate, then a page of history
    # wm    -2   -2        3    3        7    12
    clock = Clock(epoch=1)
    clock.event(at(0), at(0), RULES)
    clock.event(at(0), at(3), RULES)
    clock.heartbeat(1, at(5), RULES)
    assert (after(clock), clock.silent_since) == (3, at(0))
    clock.event(at(-9), at(6), RULES)
    assert (after(clock), clock.silent_since) == (3, at(0))
    seen = []
    for second in (9, 14):
        clock.heartbeat(1, at(second), RULES)
        seen.append(after(clock))
    assert seen == [7, 12]


def test_silence_after_an_event_ahead_of_its_receipt_does_not_pass_the_log() -> None:
    # log    0        5    20    40
    #        E(30)    H    H     H
    # wm    28       28   28    38
    clock = Clock(epoch=1)
    clock.event(at(30), at(0), RULES)
    seen = []
    for second in (5, 20, 40):
        clock.heartbeat(1, at(second), RULES)
        seen.append(after(clock))
    assert seen == [28, 28, 38]


def test_an_owner_whose_clock_was_set_right_goes_on_from_there() -> None:
    # log    3300 (its clock was 55 min ahead)   1    5    6
    #        E(0)                                H    H    H
    # wm    -2                                  -2   -2    3
    clock = Clock(epoch=1)
    clock.event(at(0), at(3300), RULES)
    seen = []
    for second in (1, 5, 6):
        clock.heartbeat(1, at(second), RULES)
        seen.append(after(clock))
    assert (seen, clock.log_time) == ([-2, -2, 3], at(6))


def test_two_sources_a_day_apart_do_not_move_each_other() -> None:
    # log       0           1
    # quick     E(0)        E(1)        wm -1
    # slow      E(-1 d)     E(-1 d+1)   wm -1 d -1
    quick, slow = Clock(), Clock()
    for second in (0, 1):
        quick.event(at(second), at(second), RULES)
        slow.event(at(second) - DAY, at(second), RULES)
    assert after(quick) == -1
    assert slow.watermark == quick.watermark - DAY


steps = st.lists(st.tuples(st.sampled_from("EHC"), st.integers(0, 20_000), st.integers(-30_000, 30_000), st.integers(0, 3)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_a_watermark_never_goes_back_and_never_passes_the_log(taken: list[tuple[str, int, int, int]]) -> None:
    clock, log_time, ahead = Clock(), T0, 0
    for what, passes, lag, epoch in taken:
        log_time += passes * 1000
        before = msgspec.structs.replace(clock)
        if what == "E":
            clock.event(log_time - lag * 1000, log_time, RULES)
            ahead = max(ahead, -lag * 1000)
        elif what == "H":
            clock.heartbeat(epoch, log_time, RULES)
        else:
            clock.connect(epoch, log_time)
        assert clock.watermark >= before.watermark
        assert clock.epoch >= before.epoch
        assert clock.watermark <= log_time + ahead - RULES.out_of_orderness or not clock.max_event
