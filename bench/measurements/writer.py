"""One writer process: ticks and candles from Kafka into Postgres, exactly once, beside Kafka Connect's JDBC sink and bare COPY.

The topics are filled by the transformer itself, before the clock starts. It runs from the moment the writer's partitions are taken (its own
log line) to the commit of the last batch, seen by polling the positions that it stores. Postgres is durable as in `make up`.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import asyncpg

from bench import connect, contestants, databases, feed, reference, topics
from bench.contestants import Told
from bench.databases import fetch
from bench.faults import Fault
from bench.figures import Sample
from bench.goals import Goal, notes, row
from bench.measurements import transformer
from bench.reference import CENT, LOT, Window
from bench.sampling import sample
from bench.services import Service
from bench.session import Session
from bench.table import Row
from shared.time import from_datetime
from shared.topics import CANDLES, TICKS, TOPICS

Reference = Mapping[Window, reference.Candle]
GOALS = (
    Goal("writer: rows into Postgres", "writer", "rate", 2.0, 3.5, "connect", beside_title="Kafka Connect JDBC sink", unit="/s"),
    Goal("writer: peak memory", "writer", "rss_mib", 250, None, unit=" MiB", at_least=False),
)
CONTESTANTS = (
    ("writer", "exactly once: ticks, candles, ledger, positions"),
    ("connect", "Kafka Connect and Debezium's JDBC sink: upserts, at least once"),
    ("copy-staging", "COPY to a staging table, INSERT … ON CONFLICT, from memory"),
    ("copy-plain", "COPY into a keyed table, from memory"),
)
_TOTALS = "SELECT count(*), sum(price), sum(size), sum(price * size), sum(sequence), bool_or(late) FROM ticks"
_CANDLES = """
SELECT symbol, start, open, high, low, close, volume, quote_volume, buy_volume, sell_volume, trade_count FROM candles WHERE is_closed
"""
_LEDGER = "SELECT sum(stored), sum(duplicate), sum(rejected), sum(mismatch) FROM ledger"
_POSITIONS = "SELECT topic, sum(next_offset)::bigint AS done FROM offsets WHERE topic = ANY($1) GROUP BY topic"


def measure(session: Session) -> list[Sample]:
    """Every contestant, round after round."""
    market = session.market
    session.say(f"filling topics with {market.count:,} trades and what comes of them")
    topics.renew(session.kafka, TOPICS)
    feed.fill_raw(session.kafka, market)
    expected = reference.candles(market.trades())
    transformer.run(session, expected, ticks=transformer.digest(market.trades()))
    last = connect.fill(session) if session.wants("connect") else []
    runs: dict[str, Callable[[], dict[str, float]]] = {
        "writer": lambda: _write(session, expected),
        "connect": lambda: _on_database(session, lambda url: connect.run(session, url, last)),
        "copy-staging": lambda: _on_database(session, lambda url: _copy(session, url, "staging")),
        "copy-plain": lambda: _on_database(session, lambda url: _copy(session, url, "plain")),
    }
    samples = []
    for number in range(1, session.options.rounds + 1):
        for name, run in runs.items():
            if name == "writer" or session.wants(name):
                samples.append(sample(session, name, number, run))
    return samples


def rows(samples: Sequence[Sample]) -> list[Row]:
    """Goals first, then what every contestant gave."""
    figures = (("rate", "/s"), ("cpu_s_per_million", " CPU-s/M"), ("rss_mib", " MiB"))
    return [*(row(goal, samples) for goal in GOALS), *notes(CONTESTANTS, samples, *figures)]


def _write(session: Session, expected: Reference) -> dict[str, float]:
    """One run into a new database, checked."""
    with databases.fresh(session) as url:
        wanted = {topic.name: sum(topics.ends(session.kafka, topic).values()) for topic in (TICKS, CANDLES)}
        service = Service(session, "writer", database_url=url)
        try:
            first = service.said("partitions taken")
            last = asyncio.run(until_stored(url, wanted, service, session.options.limit))
        except Fault:
            service.process.kill()
            raise
        used = service.process.stop()
        _check(session, url, expected)
    return contestants.figures(session.options.records, Told(session.options.records, first, last), used)


async def until_stored(url: str, wanted: Mapping[str, int], service: Service, limit: float) -> float:
    """When the stored positions have reached the topics' ends; the clock's Unix time."""
    connection = await asyncpg.connect(url)
    deadline = time.monotonic() + limit
    try:
        while {row["topic"]: row["done"] for row in await connection.fetch(_POSITIONS, list(wanted))} != wanted:
            if time.monotonic() > deadline or not service.process.running:
                raise Fault(f"is not done: {service.process.output[-1500:]}")
            await asyncio.sleep(0.05)
        return time.time()
    finally:
        await connection.close()


def _check(session: Session, url: str, expected: Reference) -> None:
    """Ticks by their sums, candles one by one, and the ledger."""
    count = session.options.records
    totals = tuple(fetch(url, _TOTALS)[0])
    if totals != (*_totals(session), False):
        raise Fault(f"the ticks sum to {totals}")
    found = ((_window(found[0], from_datetime(found[1])), tuple(found[2:])) for found in fetch(url, _CANDLES))
    if wrong := reference.compare(expected, found):
        raise Fault(wrong)
    kept = tuple(fetch(url, _LEDGER)[0])
    if kept != (count, 0, 0, 0):
        raise Fault(f"the ledger has stored, duplicate, rejected, mismatch = {kept}")


def _totals(session: Session) -> tuple[int, Decimal, Decimal, Decimal, int]:
    cents = lots = worth = numbers = 0
    for trade in session.market.trades():
        cents += trade.cents
        lots += trade.lots
        worth += trade.cents * trade.lots
        numbers += trade.number
    return session.options.records, cents * CENT, lots * LOT, worth * CENT * LOT, numbers


def _window(symbol: str, start: int) -> Window:
    return symbol.replace("-", ""), start // 1000


def _on_database(session: Session, run: Callable[[str], dict[str, float]]) -> dict[str, float]:
    with databases.fresh(session, migrated=False) as url:
        return run(url)


def _copy(session: Session, url: str, way: str) -> dict[str, float]:
    count = session.options.records
    command = (sys.executable, "-m", "bench.peers.copies", url, str(count), str(session.market.start), way)
    process = session.start(f"copy-{way}", *command)
    used = process.wait(session.options.limit)
    if (stored := fetch(url, "SELECT count(*) FROM peer_ticks")[0][0]) != count:
        raise Fault(f"{stored} of {count} rows are in the table")
    return contestants.figures(count, contestants.told(process.output), used)
