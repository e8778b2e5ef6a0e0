"""Each doubt: when it is raised, what it is held against, when it ends; and what must not raise it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import get_args

import msgspec
import pytest

from services.transformer.checkpoint import Checkpoint, start
from services.transformer.quality.machine import BYTES, Quality, weight
from services.transformer.quality.rules import Rules
from services.transformer.quality.state import Market, Stream
from shared.events import Flag, FlagName, Origin, Quote, Tick
from shared.time import HOUR, LATEST, SECOND
from shared.topics import CHECKPOINTS
from tests.fixtures.flags import last_told, logged, tick, told
from tests.fixtures.records import MS

T0 = MS * 1000


def machine(at: Checkpoint | None = None) -> Quality:
    return Quality(0, at or start(1, 0), Rules())


def judged(ticks: Iterable[Tick]) -> list[Flag]:
    """The episodes of a log of ticks, each with an origin of its own."""
    numbered = [msgspec.structs.replace(t, origin=Origin(1, 0, n)) for n, t in enumerate(ticks, 1)]
    return last_told(told(machine().step(logged(numbered))))


def at(second: float) -> int:
    return T0 + int(second * SECOND)


def said(prices: dict[str, str], second: float) -> list[Tick]:
    """One tick of each source."""
    return [tick(source, at(second), price) for source, price in prices.items()]


def quote(bid: str, ask: str, second: float) -> Quote:
    return Quote("BTC-USD", "BTC-USD", at(second), Decimal(bid), Decimal(ask), quote_id=bid, source="a", received_at=at(second))


def test_a_bid_above_the_ask_is_crossed_until_a_quote_that_is_not() -> None:
    [flag] = judged([quote("100", "101", 0), quote("102", "101", 1), quote("103", "101", 2), quote("101", "101", 3)])
    assert (flag.flag, flag.kind, flag.start, flag.end, flag.ticks) == ("crossed", "quote", at(1), at(3), 2)
    assert (flag.price, flag.reference, flag.first.offset, flag.last.offset) == (Decimal("101.5"), Decimal(101), 2, 3)


def test_a_locked_quote_is_no_doubt() -> None:
    assert judged([quote("101", "101", 0)]) == []


def test_a_source_apart_from_the_median_of_three_for_ten_seconds_diverges() -> None:
    near = {"b": "100.2", "c": "100.4"}
    ticks = [t for second in range(20) for t in said({**near, "a": "101.5" if 4 <= second < 17 else "100"}, second)]
    [flag] = judged(ticks)
    assert (flag.source, flag.flag, flag.since, flag.start, flag.end, flag.ticks) == ("a", "diverging", at(4), at(14), at(17), 3)
    assert (flag.price, flag.reference) == (Decimal("101.5"), Decimal("100.4"))


def test_a_source_that_is_apart_for_a_moment_does_not_diverge_and_the_first_to_jump_is_not_frozen() -> None:
    """In a jump of the market one is first and one is last."""
    first = [t for second in range(40) for t in said({"a": "101.5" if second >= 5 else "100", "b": "100"}, second)]
    last = [tick("c", at(s), "101.5" if s >= 12 else "100") for s in range(40)]
    both = sorted([*(t for t in first if t.source == "a" or t.received_at < at(12)), *last], key=lambda t: t.received_at)
    assert judged(both) == []


def test_two_sources_cannot_tell_which_of_them_is_wrong() -> None:
    assert judged([t for second in range(9) for t in said({"a": "100", "b": "110"}, second)]) == []


def test_sources_that_speak_of_other_times_are_not_compared() -> None:
    """A feed that is fifteen minutes behind is right about its own time."""
    behind = [msgspec.structs.replace(tick("c", at(s), "90"), event_time=at(s - 900)) for s in range(5)]
    assert judged([t for s in range(5) for t in (*said({"a": "100", "b": "100"}, s), behind[s])]) == []


def test_a_jump_that_nobody_else_makes_is_a_spike_and_the_next_price_is_held_against_what_was_before() -> None:
    prices = ["100", "100.1", "130", "100.2"]
    [flag] = judged([tick("a", at(n), price) for n, price in enumerate(prices)])
    assert (flag.flag, flag.start, flag.end, flag.ticks, flag.price, flag.reference) == (
        *("spike", at(2), at(3), 1),
        *(Decimal(130), Decimal("100.1")),
    )


def test_a_jump_that_lasts_is_a_new_level_after_three_ticks() -> None:
    [flag] = judged([tick("a", at(n), price) for n, price in enumerate(["100", "130", "130.1", "130", "130.2", "130.1"])])
    assert (flag.ticks, flag.start, flag.end) == (3, at(1), at(4))


def test_spikes_that_do_not_agree_are_no_new_level() -> None:
    [flag] = judged([tick("a", at(n), price) for n, price in enumerate(["100", "130", "150", "70", "200", "130", "100"])])
    assert (flag.ticks, flag.end) == (5, at(6))


def test_a_jump_that_another_source_has_made_is_the_market() -> None:
    moved = [tick("b", at(0), "100"), tick("a", at(0), "100"), tick("b", at(1), "103"), *(tick("a", at(2 + n), "103") for n in range(3))]
    assert [flag.source for flag in judged(moved)] == ["b"]  # the first to move, until the other confirms it


def test_a_price_after_a_long_silence_is_no_spike() -> None:
    assert judged([tick("a", at(0), "100"), tick("a", at(61), "130")]) == []


def test_what_jumps_all_the_time_is_measured_by_its_own_steps() -> None:
    wild = [tick("a", at(n), "100" if n % 2 else "101.5") for n in range(300)]
    assert judged([*wild, tick("a", at(300), "104")]) == []
    assert [flag.flag for flag in judged([*wild, tick("a", at(300), "150")])] == ["spike"]


def moving(second: int) -> str:
    return f"{100 + second * 0.01:.2f}"


def test_a_price_that_stays_while_others_move_is_frozen_since_it_first_came() -> None:
    ticks = [t for s in range(60) for t in said({"a": moving(min(s, 5)), "b": moving(s), "c": moving(s)}, s)]
    [flag] = judged([*ticks, tick("a", at(60), "100.60")])
    assert (flag.source, flag.flag, flag.since, flag.start, flag.end, flag.ticks) == ("a", "frozen", at(5), at(35), at(60), 25)


def test_a_price_that_stays_while_all_stay_is_a_quiet_market() -> None:
    assert judged([t for s in range(200) for t in said({"a": "100", "b": "100.01", "c": "100"}, s)]) == []


def test_a_price_that_stays_without_anybody_to_compare_is_not_judged() -> None:
    assert judged([tick("a", at(s), "100") for s in range(200)]) == []


def test_a_silent_source_is_stale_while_others_speak_and_until_it_speaks() -> None:
    both = [t for s in range(10) for t in said({"a": "100", "b": "100"}, s)]
    alone = [tick("b", at(s), "100") for s in range(10, 60)]
    [flag] = judged([*both, *alone, tick("a", at(60), "100")])
    assert (flag.source, flag.flag, flag.since, flag.start, flag.end, flag.ticks) == ("a", "stale", at(9), at(40), at(60), 0)


def test_silence_of_all_is_not_judged_since_no_time_passes() -> None:
    both = [t for s in range(10) for t in said({"a": "100", "b": "100"}, s)]
    assert judged([*both, *said({"a": "100", "b": "100"}, 500)]) == []


def test_a_source_that_often_pauses_is_given_three_times_its_longest_pause() -> None:
    often = {s: said({"b": "100"}, s) for s in range(400)}
    for s in range(0, 241, 20):
        often[s] += said({"a": "100"}, s)
    [flag] = judged([t for s in sorted(often) for t in often[s]])
    assert flag.start == at(240 + 61)


def test_a_source_that_is_only_behind_in_the_log_ends_before_it_was_stale() -> None:
    """A catch-up reads one source's minutes before the other's: the flag ends with a tick received before it was raised."""
    both = [t for s in range(10) for t in said({"a": "100", "b": "100"}, s)]
    [flag] = judged([*both, *(tick("b", at(s), "100") for s in range(10, 60)), tick("a", at(10), "100")])
    assert flag.end is not None
    assert flag.end < flag.start


def test_what_is_silent_for_an_hour_is_forgotten_with_its_flags() -> None:
    both = [t for s in range(10) for t in said({"a": "100", "b": "100"}, s)]
    alone = [tick("b", at(s), "100") for s in range(10, 3800, 10)]
    [flag] = judged([*both, *alone])
    assert flag.flag == "stale"
    assert flag.end is not None
    assert flag.end - at(9) > HOUR


@pytest.mark.parametrize("change", [{"late": True}, {"run": "prices-1"}])
def test_late_ticks_and_rows_of_files_are_not_judged(change: dict[str, object]) -> None:
    odd = msgspec.structs.replace(tick("a", at(2), "500"), **change)
    assert judged([tick("a", at(0), "100"), odd, tick("a", at(3), "100")]) == []


def test_a_tick_told_again_after_a_reconnect_is_not_held_against_the_present() -> None:
    again = msgspec.structs.replace(tick("a", at(20), "100"), event_time=at(1))
    assert judged([tick("a", at(1), "100"), *(tick("a", at(10 + n), f"{101.5 + n}") for n in range(3)), again]) == []


def test_an_episode_is_told_when_it_begins_when_it_doubles_and_when_it_ends() -> None:
    crossed = [quote("102", "101", n) for n in range(11)]
    numbered = [msgspec.structs.replace(t, origin=Origin(1, 0, n)) for n, t in enumerate([*crossed, quote("100", "101", 11)])]
    flags = told(machine().step(logged(numbered)))
    assert [(flag.ticks, flag.end) for flag in flags] == [(1, None), (2, None), (4, None), (8, None), (11, at(11))]


def test_records_that_are_no_ticks_are_passed_over() -> None:
    bad = logged([tick("a", at(0), "100", number=1)])[0]._replace(value=b"{")
    good = logged([tick("a", at(0), "100", number=n) for n in range(3)])
    found = machine()
    assert found.step([*good, bad._replace(offset=3)]) == []
    assert found.next_offset == 4


def test_beyond_the_room_of_the_state_new_streams_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.transformer.quality.machine.BYTES", 2 * weight("a", "BTC-USD"))
    found = machine()
    found.step(logged([tick(source, at(0), "100", number=n) for n, source in enumerate("abc", 1)]))
    state = msgspec.json.decode(found.checkpoint().state)
    assert sorted(state["markets"]["BTC-USD"]["streams"]) == ["a", "b"]


def test_no_state_is_larger_than_its_record_may_be() -> None:
    """Names of any length, every flag standing, numbers as long as they get: as many streams as find room."""
    price, origin, most = Decimal("9" * 100), Origin(2**63 - 1, 1023, 2**63 - 1, 2**31 - 1), LATEST - 1
    for name in ("s", "\u20ac" * 128, '"' * 128, "n" * 100_000):
        flags = {f: Flag(name, name, "trade", f, most, most, 2**63 - 1, price, price, origin, origin, most) for f in get_args(FlagName)}
        number, late = 2**63 - 1, most
        stream = Stream(late, late, price, number, price, number, price, late, number, price, late, number, late, late, origin, flags)
        market = Market(name, {name: {"trade": stream}}, late, late, late)
        streams = BYTES // weight(name, name)
        assert streams * (len(msgspec.json.encode(market)) + len(msgspec.json.encode(name))) < CHECKPOINTS.limit - 512 * 1024


def test_a_name_that_has_no_room_in_the_state_is_not_judged() -> None:
    found = machine()
    found.step(
        logged([tick("a" * 2_000_000, at(0), "100", number=1), tick("b", at(0), "9" * 101, number=2), tick("c", at(0), "1", number=3)])
    )
    assert list(msgspec.json.decode(found.checkpoint().state)["markets"]["BTC-USD"]["streams"]) == ["c"]
