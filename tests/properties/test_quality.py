"""Whatever the log of ticks: split, stopped, restarted and repeated, the judge says the same, and remembers no more than it must."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.transformer import checkpoint as checkpoints
from services.transformer.quality.machine import Quality
from services.transformer.quality.rules import Rules
from shared.events import Flag, Origin, Tick
from shared.time import MINUTE, SECOND
from tests.fixtures.flags import last_told, logged, tick, told
from tests.fixtures.records import MS, Kept

RULES = Rules(
    divergence=SECOND, spike_ticks=2, frozen=3 * SECOND, frozen_ticks=2, stale=4 * SECOND, stale_ticks=1, stale_factor=1, forget=MINUTE
)
STEPS = (0, 0, SECOND // 10, SECOND, SECOND, 5 * SECOND, 40 * SECOND, -SECOND)
PRICES = ("100", "100", "100.2", "100.3", "101.7", "104", "150")


@st.composite
def logs(draw: st.DrawFn) -> list[Tick]:
    """Three sources, two symbols, two raw partitions; prices that agree, jump, stay and come back."""
    chance, length = Random(draw(st.integers(0, 2**32 - 1))), draw(st.integers(1, 120))
    at, found = MS * 1000, list[Tick]()
    for number in range(length):
        at += chance.choice(STEPS)
        source = chance.choice("aabbc")
        one = tick(source, at, chance.choice(PRICES), symbol=chance.choice(("BTC-USD", "BTC-USD", "ETH-USD")))
        behind = chance.choice((0, 0, 0, SECOND, 3 * SECOND))
        found.append(msgspec.structs.replace(one, event_time=at - behind, origin=Origin(1, ord(source) % 2, number)))
    return found


def machine(at: checkpoints.Checkpoint | None = None) -> Quality:
    return Quality(0, at or checkpoints.start(1, 0), RULES)


@given(logs(), st.randoms(use_true_random=False))
def test_any_split_and_any_restart_from_a_checkpoint_tell_the_same(ticks: list[Tick], chance: Random) -> None:
    records = logged(ticks)
    whole = machine().step(records)
    parts, judge, at = [], machine(), 0
    while at < len(records):
        upto = at + chance.randint(1, 9)
        parts += judge.step(records[at:upto])
        at = min(upto, len(records))
        if chance.random() < 0.3:
            judge = machine(checkpoints.decode(checkpoints.encode(judge.checkpoint())))
    assert parts == whole
    assert judge.checkpoint().next_offset == len(records)


@given(logs(), st.randoms(use_true_random=False))
def test_what_a_crash_upstream_repeats_changes_nothing(ticks: list[Tick], chance: Random) -> None:
    """The log then holds a stretch of each raw partition twice, in the order in which it was told."""
    twice, done = list[Tick](), 0
    while done < len(ticks):
        upto = min(done + chance.randint(1, 20), len(ticks))
        again = max(0, done - chance.randint(0, 30)) if chance.random() < 0.5 else done
        twice += ticks[again:upto]
        done = upto
    assert told(machine().step(logged(twice))) == told(machine().step(logged(ticks)))


@given(logs())
def test_an_episode_that_was_told_is_never_taken_back(ticks: list[Tick]) -> None:
    flags = told(machine().step(logged(ticks)))
    seen: dict[tuple[str, ...], Flag] = {}
    for flag in flags:
        key = (flag.source, flag.symbol, flag.kind, flag.flag, str(flag.first))
        known = seen.get(key)
        assert known is None or (known.end is None and flag.ticks >= known.ticks)
        seen[key] = flag
    standing = [(f.source, f.symbol, f.kind, f.flag) for f in last_told(flags) if f.end is None]
    assert len(set(standing)) == len(standing)


@given(logs())
def test_flagged_ticks_are_among_the_ticks_of_their_stream(ticks: list[Tick]) -> None:
    by_origin = {t.origin: t for t in ticks}
    for flag in told(machine().step(logged(ticks))):
        if flag.ticks:
            first, last = by_origin[flag.first], by_origin[flag.last]
            assert (first.source, first.symbol) == (last.source, last.symbol) == (flag.source, flag.symbol)
            held = [t for t in ticks if (t.source, t.symbol) == (flag.source, flag.symbol) and flag.first <= t.origin <= flag.last]
            assert flag.ticks <= len(held)


@settings(deadline=None)
@given(st.integers(1, 50))
def test_the_state_does_not_grow_with_the_ticks(rounds: int) -> None:
    judge, records = machine(), list[Kept]()
    for n in range(rounds * 20):
        records += logged([tick("abc"[n % 3], MS * 1000 + n * SECOND, f"{100 + n % 7}", number=n)])
    judge.step([record._replace(offset=n) for n, record in enumerate(records)])
    assert len(judge.checkpoint().state) < 3000
