"""The platform at a glance: two looks, ten seconds apart."""

from services.cli import glance
from shared.telemetry import metrics as m
from shared.telemetry.exposed import read

BEFORE = """
tickplant_source_received_total{source="kraken"} 100
tickplant_event_to_queryable_seconds_bucket{le="0.5"} 10
tickplant_event_to_queryable_seconds_bucket{le="1.0"} 10
tickplant_event_to_queryable_seconds_bucket{le="+Inf"} 10
"""
NOW = """
tickplant_source_received_total{source="kraken"} 150
tickplant_source_heard_seconds{source="kraken"} 998.0
tickplant_newest_event_seconds{source="kraken"} 997.5
tickplant_source_connected{source="kraken"} 1
kafka_consumergroup_lag{consumergroup="postgres",topic="a",partition="0"} 5
kafka_consumergroup_lag{consumergroup="postgres",topic="a",partition="1"} 1200
kafka_consumergroup_lag_seconds{consumergroup="postgres",topic="a",partition="1"} 3.5
tickplant_event_to_queryable_seconds_bucket{le="0.5"} 108
tickplant_event_to_queryable_seconds_bucket{le="1.0"} 109
tickplant_event_to_queryable_seconds_bucket{le="+Inf"} 110
tickplant_rejected_total 3
"""


def test_a_look_says_what_each_source_and_group_does() -> None:
    before, now = read([BEFORE]), read([NOW])
    assert glance.sources(before, now, 10, 1000) == [("kraken", "yes", "5.0", "2.0 s", "2.5 s")]
    assert glance.groups(before, now, 10) == [("postgres", "2", "1,205", "3.5 s")]
    assert ("rejected", "3") in glance.figures(before, now, 10)


def test_a_quantile_is_of_what_came_between_the_looks() -> None:
    before, now = read([BEFORE]), read([NOW])
    assert glance.quantile(before, now, m.QUERYABLE_SECONDS, 0.9) == 0.5
    assert glance.quantile(before, now, m.QUERYABLE_SECONDS, 0.99) == 1.0
    assert glance.quantile(now, now, m.QUERYABLE_SECONDS) is None


def test_a_counter_that_began_anew_is_not_negative() -> None:
    before, now = read(['tickplant_stored_total{source="a"} 900']), read(['tickplant_stored_total{source="a"} 20'])
    assert ("stored", "2.0/s") in glance.figures(before, now, 10)
