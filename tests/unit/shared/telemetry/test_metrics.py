"""The kinds of metric that are our own, and the bound of their labels."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from shared.telemetry.bulk import BulkHistogram
from shared.telemetry.names import OTHER, Names
from shared.telemetry.peaks import SPAN_SECONDS, Peaks

BOUNDS = (0.005, 0.5, 1.0, 10.0)


@given(st.lists(st.lists(st.floats(-5, 100) | st.sampled_from(BOUNDS), max_size=20), max_size=5))
def test_many_values_at_a_time_are_exposed_as_one_at_a_time(batches: list[list[float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    bulk, single = BulkHistogram("a_seconds", "A", BOUNDS, ours), Histogram("a_seconds", "A", buckets=BOUNDS, registry=theirs)
    for batch in batches:
        bulk.observe(batch)
        for value in batch:
            single.observe(value)
    assert counts(ours) == counts(theirs)


def counts(registry: CollectorRegistry) -> list[str]:
    """The exposition's buckets and count; the sum depends on the order of additions, and prometheus_client adds its own birthday."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_bucket" in line or "_count" in line]


def test_a_peak_lasts_to_the_end_of_the_next_span() -> None:
    registry, now = CollectorRegistry(), [0.0]
    peaks = Peaks("peak", "P", "source", registry, lambda: now[0])
    peaks.observe("a", 3.0)
    peaks.observe("a", 1.0)
    assert registry.get_sample_value("peak", {"source": "a"}) == 3.0
    now[0] = SPAN_SECONDS
    peaks.observe("a", 2.0)
    assert registry.get_sample_value("peak", {"source": "a"}) == 3.0
    now[0] = 2 * SPAN_SECONDS
    assert registry.get_sample_value("peak", {"source": "a"}) == 2.0
    now[0] = 4 * SPAN_SECONDS
    assert registry.get_sample_value("peak", {"source": "a"}) is None


def test_names_beyond_the_bound_share_one() -> None:
    names = Names(2)
    assert [names.of(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]
