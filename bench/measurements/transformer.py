"""One transformer process: raw frames to closed candles, without and with ticks republished, beside the peers on the same trades.

The clock runs from the moment its partitions are taken (its own log line; a peer's from its first record) to the append of its last closed
candle, or tick, in the log. Checkpoints are on, all settings but `publish_ticks` are the defaults, and it is stopped as an operator
stops it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from bench import contestants, feed, reference, topics
from bench.contestants import Told
from bench.faults import Fault
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.market import Trade
from bench.reference import Window
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from shared.records import Record
from shared.topics import CANDLES, CHECKPOINTS, DEAD_LETTERS, MARKET_RAW, TICKS, TOPICS

OUTPUTS = (TICKS, CANDLES, DEAD_LETTERS)
Reference = Mapping[Window, reference.Candle]
_QUIET, _FULL = "transformer", "transformer with ticks"
_JOB, _AGAIN = "transformer: closed candles", "transformer: closed candles and ticks"

GOALS = (
    Goal(_JOB, _QUIET, "rate", 1.15, None, "kstreams", beside_title="Kafka Streams", unit="/s"),
    Goal(_JOB, _QUIET, "rate", None, 1.0, "kstreams", "warm_rate", "Kafka Streams warm", "/s"),
    Goal(_JOB, _QUIET, "rate", 5.0, None, "quix", beside_title="Quix Streams", unit="/s"),
    Goal(f"{_JOB}, CPU per million", _QUIET, "cpu_s_per_million", 4.5, 3.5, beside_title="—", unit=" s", at_least=False),
    Goal(f"{_JOB}, peak memory", _QUIET, "rss_mib", 250, None, unit=" MiB", at_least=False),
    Goal(_AGAIN, _FULL, "rate", 0.97, 1.21, "send", beside_title="aiokafka send() alone", unit="/s", there=("140 k/s", "175 k/s")),
    Goal(f"{_AGAIN}, peak memory", _FULL, "rss_mib", 250, None, unit=" MiB", at_least=False),
)


def measure(session: Session) -> list[Sample]:
    """Every contestant, round after round."""
    session.say(f"filling topics with {session.options.records:,} trades")
    topics.renew(session.kafka, TOPICS)
    feed.fill_raw(session.kafka, session.market)
    feed.fill_plain(session.kafka, session.market)
    expected = reference.candles(session.market.trades())
    inside = reference.closed_inside(expected)
    ticks = digest(session.market.trades())
    samples: list[Sample] = []
    for number in range(1, session.options.rounds + 1):
        samples.append(sample(session, _QUIET, number, lambda: run(session, expected, ticks=None)))
        samples.append(sample(session, _FULL, number, lambda: run(session, expected, ticks=ticks)))
        peers = [peer for peer in contestants.PEERS if session.wants(peer.name)]
        samples += (sample(session, peer.name, number, partial(contestants.run, session, peer, inside)) for peer in peers)
    return samples


def rows(samples: Sequence[Sample]) -> list[Row]:
    """Goals first, then what every contestant gave."""
    mine = ((_QUIET, "at least once, identical repeats"), (_FULL, "the same, ticks too"))
    ran = [*mine, *((peer.name, peer.guarantee) for peer in contestants.PEERS)]
    return [
        *(row(goal, samples) for goal in GOALS),
        *notes(ran, samples, ("rate", "/s"), ("cpu_s_per_million", " CPU-s/M"), ("rss_mib", " MiB")),
    ]


def run(session: Session, expected: Reference, *, ticks: int | None, service: str = "transformer") -> dict[str, float]:
    """One run over market.raw.v1, checked; `ticks` is the digest of the ticks that must come, None with ticks off."""
    topics.renew(session.kafka, OUTPUTS, log_time=True)
    topics.renew(session.kafka, [CHECKPOINTS])
    topics.rewind(session.kafka, "transformer", MARKET_RAW)
    running = Service(session, service, TRANSFORMER__PUBLISH_TICKS="false" if ticks is None else "true")
    try:
        first = running.said("partitions taken")
        _until_done(session, running)
    except Fault:
        running.process.kill()
        raise
    used = running.process.stop()
    last = _check(session, expected, ticks)
    return contestants.figures(session.options.records, Told(session.options.records, first, last), used)


def _until_done(session: Session, service: Service) -> None:
    """Until the group's offsets, which come after everything else, are at the end."""
    wanted = {partition: end for partition, end in topics.ends(session.kafka, MARKET_RAW).items() if end}
    deadline = time.monotonic() + session.options.limit
    while not topics.committed(session.kafka, "transformer", MARKET_RAW).items() >= wanted.items():
        if time.monotonic() > deadline or not service.process.running:
            raise Fault(f"is not done: {service.process.output[-1500:]}")
        time.sleep(0.3)


def _check(session: Session, expected: Reference, ticks: int | None) -> float:
    """Compares candles and ticks with the reference; returns when the last of them was appended."""
    found = [record for record in topics.read(session.kafka, CANDLES) if b'"is_closed":true' in (record.value or b"")]
    wrong = reference.compare(expected, (_candle(record.value or b"") for record in found))
    last = max((record.timestamp for record in found), default=0)
    if ticks is not None:
        digests = Digest()
        topics.scan(session.kafka, TICKS, digests.take)
        wrong = wrong or (None if digests.total == ticks else "the ticks are not those of the trades")
        last = max(last, digests.last)
    if sum(topics.ends(session.kafka, DEAD_LETTERS).values()):
        wrong = "there are dead letters"
    if wrong:
        raise Fault(wrong)
    return last / 1000


def _candle(value: bytes) -> tuple[Window, tuple[Any, ...]]:
    found = msgspec.json.decode(value)
    amounts = "open high low close volume quote_volume buy_volume sell_volume".split()
    window = (found["symbol"].replace("-", ""), found["start"] // 1000)
    return window, (*(Decimal(found[name]) for name in amounts), found["trade_count"])


class _Tick(msgspec.Struct):
    kind: str
    native_symbol: str = ""
    trade_id: str = "0"
    price: str = "0"
    size: str = "0"
    side: str = ""
    event_time: int = 0


class Digest:
    """A sum over what identifies ticks, the same in any order; `last` is when the last of them was appended."""

    def __init__(self) -> None:
        self.total = self.last = 0
        self._decode = msgspec.json.Decoder(_Tick).decode

    def take(self, records: Sequence[Record]) -> None:
        """Adds a topic's records; tallies are not ticks."""
        for record in records:
            tick = self._decode(record.value or b"{}")
            if tick.kind == "trade":
                cents, lots = round(float(tick.price) * 100), round(float(tick.size) * 10_000)
                self.total += hash((tick.native_symbol, int(tick.trade_id), cents, lots, tick.side == "sell", tick.event_time // 1000))
                self.last = max(self.last, record.timestamp)


def digest(trades: Iterator[Trade]) -> int:
    """What `Digest` must come to; within one process only."""
    return sum(hash((trade.symbol, trade.number, trade.cents, trade.lots, trade.maker, trade.at)) for trade in trades)
