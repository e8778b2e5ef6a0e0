"""Service minutes: counts, quotients, and a histogram that is never more than 1 % wrong."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.aggregations import minutes
from shared.aggregations.minutes import BOUNDS, BUCKETS, COMPARED, bucket, fold, merge, percentile, value
from shared.events import Origin, ServiceEvent, ServiceMinute
from shared.time import MINUTE

AT = 1_768_303_920_000_000
latencies = st.decimals(0, 10**9, places=6)


def event(number: int, latency: Decimal | None = None, status: int | None = None, at: int = AT) -> ServiceEvent:
    return ServiceEvent(f"e{number}", "checkout", "request", at, "", latency, status)


def only(*events: ServiceEvent) -> ServiceMinute:
    (found,) = fold(events).values()
    return found


def test_what_a_minute_counts() -> None:
    found = only(event(1, Decimal(1), 200), event(2, None, 299), event(3, Decimal("2.5"), 300), event(4), event(5, Decimal(0), 199))
    assert (found.request_count, found.latency_count, found.status_count, found.error_count) == (5, 3, 4, 2)
    assert minutes.average(found) == Decimal("1.166666666667")
    assert minutes.error_rate(found) == Decimal("0.5")


def test_without_latencies_or_statuses_the_quotients_are_null() -> None:
    found = only(event(1))
    assert (minutes.average(found), minutes.error_rate(found), percentile(found, 50)) == (None, None, None)


def test_a_minute_ends_before_the_next_begins() -> None:
    assert list(fold([event(1, at=AT + MINUTE - 1), event(2, at=AT + MINUTE)])) == [("checkout", AT), ("checkout", AT + MINUTE)]


def test_the_bounds_grow_and_cover_twelve_days() -> None:
    assert len(BOUNDS) == BUCKETS - 1
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert (bucket(Decimal(0)), bucket(BOUNDS[0]), bucket(BOUNDS[-1]), bucket(Decimal(10) ** 17)) == (0, 1, BUCKETS - 1, BUCKETS - 1)
    assert BOUNDS[-1] > 12 * 86_400_000


@given(latencies)
def test_a_bucket_s_value_is_less_than_one_percent_away(latency: Decimal) -> None:
    assert abs(value(bucket(latency)) - latency) <= max(latency / 100, Decimal("0.001"))


@given(st.lists(latencies, min_size=1, max_size=60), st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_that_of_the_sorted_latencies(given_latencies: list[Decimal], percent: int) -> None:
    found = percentile(only(*(event(n, latency) for n, latency in enumerate(given_latencies))), percent)
    exact = sorted(given_latencies)[-(-len(given_latencies) * percent // 100) - 1]
    assert found is not None
    assert abs(found - exact) <= max(exact / 100, Decimal("0.001"))


@pytest.mark.parametrize("name", COMPARED)
def test_any_other_value_is_told_apart(name: str) -> None:
    found = only(event(1, Decimal(1), 200))
    assert minutes.same(found, msgspec.structs.replace(found, is_closed=True, from_store=True, late_count=1, last_origin=Origin(1, 2, 3)))
    assert not minutes.same(found, msgspec.structs.replace(found, **{name: ((1, 2),) if name == "latencies" else 7}))


def test_merging_adds() -> None:
    a, b = only(event(1, Decimal(1), 200)), only(event(2, Decimal(1), 500), event(3, Decimal(9)))
    assert minutes.same(merge(a, b), only(event(1, Decimal(1), 200), event(2, Decimal(1), 500), event(3, Decimal(9))))
