"""The platform at a glance, from what its services expose, twice: rates are differences. Pure; times are Unix seconds."""

from collections.abc import Callable, Iterable

from shared.telemetry import metrics as m
from shared.telemetry.exposed import Described, Samples, name

QUANTILE = 0.99
Rows = list[tuple[str, ...]]


def sources(before: Samples, now: Samples, seconds: float, clock: float) -> Rows:
    """A line a source: whether it is connected, how much it sends, for how long it is silent, how old its newest stored tick is."""
    heard, newest, up = (_by(now, metric, "source", max) for metric in (m.HEARD, m.NEWEST_EVENT, m.CONNECTED))
    received = _rates(before, now, m.RECEIVED, "source", seconds)
    return [
        (
            source,
            "yes" if up.get(source) else "no",
            _number(received.get(source, 0.0)),
            _ago(clock - heard[source]),
            _ago(clock - newest[source]) if source in newest else "",
        )
        for source in sorted(heard)
    ]


def groups(before: Samples, now: Samples, seconds: float) -> Rows:
    """A line a consumer group: partitions shown, records and seconds behind, at the worst partition."""
    records, ages = (_by(now, metric, "consumergroup", fold) for metric, fold in ((m.LAG, sum), (m.LAG_SECONDS, max)))
    partitions = _by(now, m.LAG, "consumergroup", lambda values: float(len(list(values))))
    return [(group, f"{partitions[group]:.0f}", f"{records[group]:,.0f}", _ago(ages.get(group, 0.0))) for group in sorted(records)]


def figures(before: Samples, now: Samples, seconds: float) -> Rows:
    """Everything else that is one number."""
    rates = ((label, sum(_rates(before, now, metric, "", seconds).values())) for label, metric in _RATES)
    totals = ((label, sum(_by(now, metric, "", sum).values())) for label, metric in _TOTALS)
    slow = ((label, quantile(before, now, metric)) for label, metric in _SLOW)
    return [
        *((label, f"{_number(rate)}/s") for label, rate in rates),
        *((label, "" if value is None else f"{value:.3g} s") for label, value in slow),
        *((label, f"{value:,.0f}") for label, value in totals),
    ]


_RATES = (("records in", m.RECORDS_IN), ("records out", m.RECORDS_OUT), ("stored", m.STORED), ("archived", m.ARCHIVED))
_SLOW = (("event to queryable, p99", m.QUERYABLE_SECONDS), ("store, p99", m.WRITE_SECONDS), ("api, p99", m.HTTP_SECONDS))
_TOTALS = (
    ("duplicates", m.DUPLICATES),
    ("late", m.LATE),
    ("rejected", m.REJECTED),
    ("doubts that stand", m.STANDING),
    ("ledger imbalance", m.IMBALANCE),
    ("rows astray", m.ROWS_ASTRAY),
    ("aggregate mismatches", m.MISMATCHES),
)


def quantile(before: Samples, now: Samples, metric: Described, q: float = QUANTILE) -> float | None:
    """The upper bound of the bucket that holds the quantile of what was added; None where nothing was."""
    bucket = f"{name(metric)}_bucket"
    counts: dict[float, float] = {}
    for sign, samples in ((-1, before), (1, now)):
        for labels, value in samples.get(bucket, []):
            edge = float(labels["le"])
            counts[edge] = counts.get(edge, 0.0) + sign * value
    whole = counts.get(float("inf"), 0.0)
    return next((edge for edge in sorted(counts) if counts[edge] >= q * whole), None) if whole > 0 else None


def _by(samples: Samples, metric: Described, label: str, fold: Callable[[Iterable[float]], float]) -> dict[str, float]:
    """The metric's values folded by one label; by none, all together."""
    values: dict[str, list[float]] = {}
    for labels, value in samples.get(name(metric), []):
        values.setdefault(labels.get(label, ""), []).append(value)
    return {key: float(fold(found)) for key, found in values.items()}


def _rates(before: Samples, now: Samples, metric: Described, label: str, seconds: float) -> dict[str, float]:
    """A counter's growth a second; one that was set back has begun anew."""
    first, last = _by(before, metric, label, sum), _by(now, metric, label, sum)
    return {key: (value - first.get(key, 0.0) if value >= first.get(key, 0.0) else value) / seconds for key, value in last.items()}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _ago(seconds: float) -> str:
    return f"{max(0.0, seconds):.1f} s" if seconds < 600 else f"{seconds / 60:,.0f} min"
