"""What measuring costs the transformer: the same run with its metrics and without any, in turn."""

from collections.abc import Sequence

from bench import feed, reference, topics
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.measurements import transformer
from bench.sampling import sample
from bench.session import Session
from bench.table import Row
from shared.topics import TOPICS

_WITH, _WITHOUT = "measured", "not measured"

GOALS = (
    Goal("transformer: with its metrics", _WITH, "rate", 0.95, 0.99, _WITHOUT, beside_title="without", unit="/s"),
    Goal(
        "transformer: CPU per million with its metrics",
        _WITH,
        "cpu_s_per_million",
        1.05,
        1.01,
        _WITHOUT,
        beside_title="without",
        unit=" s",
        at_least=False,
    ),
)


def measure(session: Session) -> list[Sample]:
    """Round after round, each way once."""
    session.say(f"filling topics with {session.options.records:,} trades")
    topics.renew(session.kafka, TOPICS)
    feed.fill_raw(session.kafka, session.market)
    expected = reference.candles(session.market.trades())
    ticks = transformer.digest(session.market.trades())
    samples: list[Sample] = []
    for number in range(1, session.options.rounds + 1):
        samples.append(sample(session, _WITH, number, lambda: transformer.run(session, expected, ticks=ticks)))
        samples.append(
            sample(session, _WITHOUT, number, lambda: transformer.run(session, expected, ticks=ticks, service="bare transformer"))
        )
    return samples


def rows(samples: Sequence[Sample]) -> list[Row]:
    """The goals, then both ways' figures."""
    ran = ((_WITH, "as it runs"), (_WITHOUT, "its metrics taken away"))
    return [*(row(goal, samples) for goal in GOALS), *notes(ran, samples, ("rate", "/s"), ("cpu_s_per_million", " CPU-s/M"))]
