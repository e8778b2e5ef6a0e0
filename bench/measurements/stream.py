"""One connection with hundreds of tickers at a steady rate: how long a frame takes to its acknowledgement, and whether memory stays flat.

The fetcher's own histogram counts each batch by its oldest frame; the 99th percentile is interpolated in its bucket, as Prometheus does.
"""

from collections.abc import Sequence
from itertools import pairwise

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench import topics
from bench.faults import Fault
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.measurements.fetcher import Frames
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from bench.venue import Venue
from bench.watch import Watch
from deploy.local.ports import HOST
from shared.topics import MARKET_RAW, TOPICS

TICKERS = tuple(f"S{number:03d}-USDT" for number in range(600))
RATE, SECONDS_OF_ONE = 2_000, 6.0  # how many times the seconds of another load
_NAME = "600 tickers"
GOALS = (
    Goal("stream: frame received to acknowledged, p99 at 2,000/s", _NAME, "ack_p99_ms", 50, None, unit=" ms", at_least=False),
    Goal("stream: memory of the last quarter over that at 25 %", _NAME, "growth", 1.15, None, unit="", at_least=False),
)


def measure(session: Session) -> list[Sample]:
    """A new topic each round."""
    return [sample(session, _NAME, number, lambda: _listen(session)) for number in range(1, session.options.rounds + 1)]


def rows(samples: Sequence[Sample]) -> list[Row]:
    """The goals, and what it took."""
    figures = (("rate", "/s"), ("ack_p50_ms", " ms p50"), ("ack_p99_ms", " ms p99"), ("rss_mib", " MiB"))
    return [*(row(goal, samples) for goal in GOALS), *notes([(_NAME, "one connection")], samples, *figures)]


def _listen(session: Session) -> dict[str, float]:
    kafka = session.kafka.model_copy(update={"topic_prefix": f"{session.name('stream')}."})
    topics.renew(kafka, TOPICS)
    venue = Venue(session, TICKERS)
    service = Service(session, "fetcher", kafka=kafka, FETCHER__SOURCES=venue.sources)
    frames, seconds = Frames(), session.options.seconds * SECONDS_OF_ONE
    try:
        venue.listened()
        watch = Watch({"fetcher": service.process.pid})
        issued = venue.trade(RATE, seconds, watch.look)
        buckets = _buckets(httpx.get(f"http://{HOST}:{service.port}/metrics", timeout=10).text)
    except Fault:
        service.process.kill()
        raise
    finally:
        venue.process.kill()
    service.process.stop()
    topics.scan(kafka, MARKET_RAW, frames.take)
    topics.drop(session.kafka, kafka.topic_prefix)
    if not issued <= len(frames.ids) == frames.count:
        raise Fault(f"{frames.count} frames of {len(frames.ids)} trades are in the topic, {issued} were sent")
    p50, p99 = (quantile(buckets, share) * 1000 for share in (0.5, 0.99))
    return {
        "rate": issued / seconds,
        "ack_p50_ms": p50,
        "ack_p99_ms": p99,
        "rss_mib": watch.most("fetcher"),
        "growth": watch.growth("fetcher"),
    }


def _buckets(page: str) -> list[tuple[float, float]]:
    """(upper bound in s, how many up to it) of the histogram, ascending."""
    found = next(family for family in text_string_to_metric_families(page) if family.name == "tickplant_acknowledge_seconds")
    return sorted((float(s.labels["le"]), s.value) for s in found.samples if s.name.endswith("_bucket"))


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """The quantile in seconds; infinite beyond the last bound."""
    wanted = share * buckets[-1][1]
    for (below, before), (bound, count) in pairwise([(0.0, 0.0), *buckets]):
        if count >= wanted:
            return bound if bound == float("inf") else below + (bound - below) * (wanted - before) / max(count - before, 1)
    return float("inf")
