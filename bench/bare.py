"""Runs a service without its instrumentation: `python -m bench.bare services.transformer`; for the measurement of what it costs.

Invariant: only measuring is taken away; the service's own code runs unchanged.
"""

import runpy
import sys
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from shared.bus import consumer
from shared.telemetry.bulk import BulkHistogram

NEVER_SECONDS = 1e9


class _Nothing:
    """Stands for every labelled child, and does what a metric does, which is nothing."""

    def __getattr__(self, _: str) -> Any:
        return self.ignore

    def ignore(self, *_: Any, **__: Any) -> "_Nothing":
        return self


def strip() -> None:
    """Takes the metrics' methods away, and the loop that measures lag."""
    nothing = _Nothing()
    for kind in (Counter, Gauge, Histogram, BulkHistogram):
        for method in ("labels", "inc", "set", "observe", "remove", "clear"):
            if hasattr(kind, method):
                setattr(kind, method, nothing.ignore)
    consumer.MEASURE_SECONDS = NEVER_SECONDS


if __name__ == "__main__":
    strip()
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
