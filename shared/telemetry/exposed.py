"""Metrics as they are exposed: under which name, and read back from the text. Pure."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

SUFFIX = {"counter": "_total", "info": "_info"}


class Described(Protocol):
    """A metric of `shared.telemetry.metrics`."""

    def describe(self) -> object:
        """Its families."""


class Sample(NamedTuple):
    """One value of one series."""

    labels: dict[str, str]
    value: float


Samples = dict[str, list[Sample]]


def name(metric: Described) -> str:
    """`tickplant_stored_total`: the name as it is exposed (of a histogram, without `_bucket`)."""
    families: list[Metric] = list(metric.describe())  # type: ignore[call-overload]
    return families[0].name + SUFFIX.get(families[0].type, "")


def read(texts: Iterable[str]) -> Samples:
    """The samples of several expositions together, by name."""
    found: Samples = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(Sample(sample.labels, sample.value))
    return found
