"""Chains: every offset once, whatever the order in which objects are looked at."""

from hypothesis import given
from hypothesis import strategies as st

from shared.archive import chain, layout
from shared.archive.layout import Span
from shared.topics import MARKET_RAW


def span(first: int, end: int) -> Span:
    return Span(first, end, end - first, 0, 0, 0, "")


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_a_chain_cut_anywhere_has_no_fault(lengths: list[int], rnd: object) -> None:
    spans, at = [], 0
    for length in lengths:
        spans.append(span(at, at + length))
        at += length
    rnd.shuffle(spans)  # type: ignore[attr-defined]
    assert list(chain.faults(spans)) == []


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_faults_are_the_offsets_that_are_not_there_once(given_spans: list[tuple[int, int]]) -> None:
    spans = [span(first, first + length) for first, length in given_spans]
    count = [sum(one.first <= at < one.end for one in spans) for at in range(100)]
    lowest, highest = min((one.first for one in spans), default=0), max((one.end for one in spans), default=0)
    found = list(chain.faults(spans))
    holes = {at for hole in found if not hole.twice for at in range(hole.first, hole.end)}
    assert holes == {at for at in range(lowest, highest) if count[at] == 0}
    twice = {at for hole in found if hole.twice for at in range(hole.first, hole.end)}
    assert twice == {at for at in range(100) if count[at] > 1}


def test_a_key_is_read_as_it_was_written() -> None:
    place = layout.place("c", "p.", MARKET_RAW, 11)
    key = place.key("2026-11-21T15", 1234)
    assert key == "c/bronze/p.market.raw.v1/dt=2026-11-21/hour=15/p.market.raw.v1+11+00000000000000001234.parquet"
    assert layout.named(key) == (place, "2026-11-21T15", 1234)
    assert layout.named(key + "x") is layout.named("c/bronze/other") is None


def test_metadata_are_read_as_they_were_written() -> None:
    found = Span(1, 2, 3, 4, 5, 6, "ab")
    assert layout.span(found.metadata()) == found
    assert layout.span({**found.metadata(), "end": "many"}) is layout.span({}) is None
