"""A checkpoint fits its record whatever the names in a partition: each of its parts takes no more bytes than are counted for it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.transformer import checkpoint as checkpoints
from services.transformer import windows
from services.transformer.clocks import Clock, Rules
from services.transformer.sources import BYTES, weight
from services.transformer.tallies import BLOCK
from services.transformer.transforms import TRANSFORMS
from shared.events import Count, Heartbeat
from shared.records import Row, cloud_event
from shared.time import LATEST
from shared.topics import CHECKPOINTS, OPS_RAW
from tests.fixtures.records import MS, Kept

LONGEST = 256  # characters of a name
MARGIN = 512 * 1024
COUNT = 1400  # bytes of an entry of a tally, at most
WIDE = ("n", "\u20ac", "\U0001d11e", '"', "\\")  # printable, of one byte to four, and escaped
names = st.text(st.sampled_from((*WIDE, "\0", "\x1f")) | st.characters(codec="utf-8"), max_size=LONGEST)
whole = st.integers(-(2**63), 2**63 - 1) | st.sampled_from((-(2**63), 2**63 - 1))
times = st.integers(0, LATEST - 1) | st.just(LATEST - 1)
clocks = st.lists(whole, min_size=len(Clock.__struct_fields__), max_size=len(Clock.__struct_fields__)).map(lambda values: Clock(*values))


def test_all_parts_together_are_below_the_limit() -> None:
    assert CHECKPOINTS.limit > BYTES + windows.GIVEN_UP_BYTES + BLOCK * COUNT + MARGIN


@given(names, clocks)
def test_a_clock_takes_no_more_than_its_weight(name: str, clock: Clock) -> None:
    assert len(msgspec.json.encode({name: clock})) <= weight(name)


@given(names, names, st.sampled_from(("trade", "quote", "index", "bar")), times)
def test_a_key_given_up_takes_no_more_than_its_weight(source: str, symbol: str, kind: str, start: int) -> None:
    key = (source, symbol, kind, start)
    assert len(msgspec.json.encode(key)) + 1 <= windows.weight(key)


printable = st.text(st.sampled_from(WIDE), min_size=LONGEST, max_size=LONGEST) | names.filter(str.isprintable)
runs = st.text(st.sampled_from('"\\!~'), max_size=128)


@given(printable, runs, times, st.tuples(*[st.integers(0, 10**10)] * 3))
def test_an_entry_of_a_tally_takes_no_more_than_is_counted_for_it(source: str, run: str, hour: int, counts: tuple[int, int, int]) -> None:
    assert len(msgspec.json.encode(Count(source, run, hour, *counts))) + 1 <= COUNT


def event(offset: int, service: str, second: int = 0, run: str | None = None) -> Kept:
    stamp = MS + offset
    value = {"event_id": f"e{offset}", "timestamp": stamp + second * 1000, "service": service, "event_type": "request"}
    return Kept(offset, stamp, b"s", msgspec.json.encode(value), (Row(run, offset, 0).header(),) if run else ())


def beat(offset: int, source: str) -> Kept:
    headers = cloud_event("heartbeat", source="s", subject="s", event_id="1", time_us=MS * 1000)
    return Kept(offset, MS + offset, b"s", msgspec.json.encode(Heartbeat(source, MS)), tuple(headers))


def hostile(widest: str) -> list[Kept]:
    """Two windows of each of many names, which are given up; heartbeats of others; then a block of rows, each of another name and run."""
    log: list[Kept] = []
    for name in [f"{number:04d}".rjust(LONGEST, widest) for number in range(BLOCK // 4)]:
        log += [event(len(log), name), event(len(log) + 1, name, 59), event(len(log) + 2, name, 59)]
    log += [beat(offset, f"{offset}".rjust(LONGEST, "\0")) for offset in range(len(log), BLOCK)]
    return log + [
        event(offset, f"{offset}".rjust(LONGEST, widest), run=f"events-{offset}".rjust(128, '"')) for offset in range(len(log), 2 * BLOCK)
    ]


@pytest.mark.parametrize("widest", ["\U0001d11e", '"'])
def test_a_partition_of_the_widest_names_has_a_checkpoint_that_fits_and_is_taken_up_again(widest: str) -> None:
    log, rules = hostile(widest), Rules(emit_interval=1, window_age=-1)
    machine = TRANSFORMS[OPS_RAW.name](0, checkpoints.start(5, 0), rules, publish=True)
    machine.step(log)
    at = machine.checkpoint()
    encoded = checkpoints.encode(at)
    assert len(at.counts) == BLOCK
    assert min(len(at.clocks), len(at.given_up)) > 500
    assert len(encoded) < CHECKPOINTS.limit - MARGIN
    again = TRANSFORMS[OPS_RAW.name](0, checkpoints.decode(encoded), rules, publish=True)
    assert checkpoints.encode(again.checkpoint()) == encoded
