"""The measurements, in the order they are made: `measure(session)` gives samples, `rows(samples)` their lines of the table.

Invariant: within a round every contestant runs once, in turn, on the same input.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.figures import Sample
from bench.measurements import api, archive, execution, fetcher, instrumentation, latency, parsers, stream, transformer, writer
from bench.session import Session
from bench.table import Row


@dataclass(frozen=True)
class Measurement:
    """One subject."""

    name: str
    measure: Callable[[Session], list[Sample]]
    rows: Callable[[Sequence[Sample]], list[Row]]


MEASUREMENTS = (
    Measurement("transformer", transformer.measure, transformer.rows),
    Measurement("writer", writer.measure, writer.rows),
    Measurement("archive", archive.measure, archive.rows),
    Measurement("api", api.measure, api.rows),
    Measurement("latency", latency.measure, latency.rows),
    Measurement("fetcher", fetcher.measure, fetcher.rows),
    Measurement("stream", stream.measure, stream.rows),
    Measurement("parsers", parsers.measure, parsers.rows),
    Measurement("instrumentation", instrumentation.measure, instrumentation.rows),
    Measurement("execution", execution.measure, execution.rows),
)
