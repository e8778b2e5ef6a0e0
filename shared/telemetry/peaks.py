"""A gauge of the greatest value of late: a histogram's quantiles do not tell it, and a maximum since the start never falls again."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SPAN_SECONDS = 60.0


class Peaks(Collector):
    """The greatest value of this span of a minute and the one before it, by one label; silence lets it go."""

    def __init__(
        self, name: str, documentation: str, label: str, registry: CollectorRegistry = REGISTRY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self._documentation, self._label, self._clock = name, documentation, label, clock
        self._spans: dict[str, tuple[int, float, float]] = {}  # number of the span, its peak, the one before
        registry.register(self)

    def observe(self, name: str, value: float) -> None:
        """Takes a value."""
        number, peak, before = self._now(name)
        self._spans[name] = number, max(peak, value), before

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Its name and kind."""
        yield GaugeMetricFamily(self.name, self._documentation)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For the registry."""
        family = GaugeMetricFamily(self.name, self._documentation, labels=[self._label])
        for name in list(self._spans):
            _, peak, before = self._now(name)
            if peak or before:
                family.add_metric([name], max(peak, before))
        yield family

    def _now(self, name: str) -> tuple[int, float, float]:
        number = int(self._clock() // SPAN_SECONDS)
        last, peak, before = self._spans.get(name, (number, 0.0, 0.0))
        if last == number:
            return number, peak, before
        return number, 0.0, peak if last == number - 1 else 0.0
