"""Service minutes: the fold of distinct operational events of one service over a UTC-aligned minute.

Latencies are kept as a histogram whose buckets are fixed, so merging is adding: bucket 0 holds what is below 1 us, bucket i > 0 the
latencies in [1.02 ** (i - 1), 1.02 ** i) us, the last one all above. A quantile is told as its bucket's value, which is less than 1 %
away from every latency in the bucket.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext

from shared.events import NOWHERE, MinuteGivenUp, Origin, ServiceEvent, ServiceMinute
from shared.money import EXACT, ZERO, quotient
from shared.time import MINUTE, floor

Key = tuple[str, int]  # service, start in us
# What a minute takes from an event: its time, nothing (events have no sequence), its id, its latency in ms and its status.
Row = tuple[int, int, str, Decimal | None, int | None]
GROWTH = Decimal("1.02")
BUCKETS = 1400  # up to about 12 days
OK = range(200, 300)
_PLACES = Decimal("1e-9")


def _bounds() -> tuple[Decimal, ...]:
    """The upper bounds of all buckets but the last, in ms, each in full digits and the same on every machine."""
    with localcontext(prec=28):
        found = [Decimal("0.001")]
        while len(found) < BUCKETS - 1:
            found.append((found[-1] * GROWTH).quantize(_PLACES * _PLACES))
        return tuple(found)


BOUNDS = _bounds()


def bucket(latency: Decimal) -> int:
    """The bucket of a latency in ms."""
    return bisect_right(BOUNDS, latency)


def value(number: int) -> Decimal:
    """The latency in ms that stands for a bucket: as far, relatively, from its lower bound as from its upper."""
    if number == 0:
        return ZERO
    low = BOUNDS[number - 1]
    with localcontext(prec=28):
        return (low * 2 * GROWTH / (1 + GROWTH)).quantize(_PLACES)


class Fold:
    """The growing fold of one minute: `extend` it by rows of distinct events, read `partial`."""

    __slots__ = ("buckets", "count", "errors", "late", "latencies", "latency", "statuses")

    def __init__(self) -> None:
        self.count = self.late = self.latencies = self.statuses = self.errors = 0
        self.latency = ZERO
        self.buckets: Counter[int] = Counter()

    def extend(self, rows: Sequence[Row], late: int = 0) -> None:
        """Adds rows in bulk, `late` of them late."""
        known = [row[3] for row in rows if row[3] is not None]
        statuses = [row[4] for row in rows if row[4] is not None]
        self.count += len(rows)
        self.late += late
        self.latencies += len(known)
        with localcontext(EXACT):
            self.latency = sum(known, self.latency)
        self.buckets.update(map(bucket, known))
        self.statuses += len(statuses)
        self.errors += sum(status not in OK for status in statuses)

    def partial(self, key: Key, *, closed: bool = False, last_origin: Origin = NOWHERE) -> ServiceMinute:
        """The minute of everything added."""
        return ServiceMinute(
            *key,
            self.count,
            self.latencies,
            self.latency,
            self.statuses,
            self.errors,
            self.late,
            tuple(sorted(self.buckets.items())),
            closed,
            False,
            last_origin,
        )


def key(event: ServiceEvent) -> Key:
    """The minute of an event."""
    return event.service, floor(event.event_time, MINUTE)


def closes(key: Key) -> int:
    """The watermark at which a window closes: its end."""
    return key[1] + MINUTE


def reached(event: ServiceEvent) -> int:
    """An event tells of its own time."""
    return event.event_time


def row(event: ServiceEvent) -> Row:
    """What a minute takes from an event."""
    return event.event_time, 0, event.event_id, event.latency_ms, event.status_code


def given_up(window: Key, last_origin: Origin) -> MinuteGivenUp:
    """What the stream says of a minute that it no longer holds."""
    return MinuteGivenUp(*window, last_origin)


def fold(events: Iterable[ServiceEvent]) -> dict[Key, ServiceMinute]:
    """The minutes of distinct events."""
    windows: dict[Key, list[ServiceEvent]] = {}
    for event in events:
        windows.setdefault(key(event), []).append(event)
    return {window: whole(window, held) for window, held in windows.items()}


def whole(window: Key, events: Sequence[ServiceEvent]) -> ServiceMinute:
    """The minute of distinct events of one window."""
    found = Fold()
    found.extend([row(event) for event in events], sum(event.late for event in events))
    return found.partial(window)


def merge(a: ServiceMinute, b: ServiceMinute) -> ServiceMinute:
    """The minute of the events of both, which must share none. Closed if either is."""
    return ServiceMinute(
        a.service,
        min(a.start, b.start),
        a.request_count + b.request_count,
        a.latency_count + b.latency_count,
        EXACT.add(a.latency_sum, b.latency_sum),
        a.status_count + b.status_count,
        a.error_count + b.error_count,
        a.late_count + b.late_count,
        tuple(sorted((Counter(dict(a.latencies)) + Counter(dict(b.latencies))).items())),
        a.is_closed or b.is_closed,
        a.from_store or b.from_store,
        max(a.last_origin, b.last_origin),
    )


def average(minute: ServiceMinute) -> Decimal | None:
    """Milliseconds over the events that told a latency, 12 places; None if none did."""
    return quotient(minute.latency_sum, Decimal(minute.latency_count))


def error_rate(minute: ServiceMinute) -> Decimal | None:
    """Statuses outside 200..299 among all statuses, 12 places; None without a status."""
    return quotient(Decimal(minute.error_count), Decimal(minute.status_count))


def percentile(minute: ServiceMinute, percent: int) -> Decimal | None:
    """The latency in ms that `percent` of the latencies do not exceed (nearest rank), to 1 %; None without latencies."""
    rank = -(-minute.latency_count * percent // 100)
    for number, count in minute.latencies:
        rank -= count
        if rank <= 0:
            return value(number)
    return None


def same(a: ServiceMinute, b: ServiceMinute) -> bool:
    """Whether two minutes hold the same values; closing, lateness and origin apart."""
    return all(getattr(a, name) == getattr(b, name) for name in COMPARED)


COMPARED = ("request_count", "latency_count", "latency_sum", "status_count", "error_count", "latencies")
