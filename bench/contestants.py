"""The peers of the transformer: how each is run, what it guarantees, and a run of it, checked.

Invariant: a peer that cannot run, or whose output is wrong, raises `Skipped` or `Fault` and gives no figure.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import jars, topics, venvs
from bench.faults import Fault
from bench.feed import PLAIN
from bench.process import Usage
from bench.reference import Candle, Window, compare_peer
from bench.session import Session
from shared.topics import Topic

JAVA_SOURCE = Path(__file__).parent / "peers" / "kstreams" / "Candles.java"
Argv = Callable[[Session], tuple[list[str], list[str]]]


@dataclass(frozen=True)
class Peer:
    """`argv` gives what stands before and after the job's arguments; `out` says what is checked: candles, records or nothing."""

    name: str
    guarantee: str
    argv: Argv
    out: str = "candles"


def module(name: str, *more: str, venv: str = "") -> Argv:
    """A Python peer, in the platform's environment or one of its own."""
    return lambda session: ([venvs.python(venv, session.cache) if venv else sys.executable, "-m", f"bench.peers.{name}"], list(more))


def kstreams(guarantee: str) -> Argv:
    """Kafka Streams, compiled here."""

    def argv(session: Session) -> tuple[list[str], list[str]]:
        classes = jars.compiled("kstreams", JAVA_SOURCE, session.repository, session.cache / "classes", session.say)
        return [jars.java(), "-Xmx1g", "-cp", classes, "Candles"], [guarantee]

    return argv


def publishing(way: str) -> Argv:
    """A producer of the session's market."""
    return lambda session: ([sys.executable, "-m", "bench.peers.producers"], [way, str(session.market.start)])


PEERS = (
    Peer("kstreams", "Kafka Streams, 1 thread, at least once", kstreams("at_least_once")),
    Peer("kstreams-eos", "Kafka Streams, 1 thread, exactly once", kstreams("exactly_once_v2")),
    Peer("bytewax", "Bytewax, at least once, snapshots every 10 s", module("bytewax_flow", venv="bytewax")),
    Peer("naive", "aiokafka and pydantic by hand, state in memory", module("naive")),
    Peer("quix", "Quix Streams, at least once", module("quix_app", venv="quix")),
    Peer("fetch", "aiokafka reading alone", module("fetch", "aiokafka"), "nothing"),
    Peer("fetch-confluent", "confluent-kafka reading alone", module("fetch", "confluent", venv="bytewax"), "nothing"),
    Peer("send", "aiokafka send() alone", publishing("send"), "records"),
    Peer("batches", "aiokafka record batches alone", publishing("batches"), "records"),
)


class Told(msgspec.Struct):
    """A peer's own line: times in Unix seconds."""

    count: int
    first: float
    last: float
    half: float = 0.0


def run(session: Session, peer: Peer, expected: Mapping[Window, Candle]) -> dict[str, float]:
    """One run, checked."""
    head, tail = peer.argv(session)
    group = session.name(f"peer-{peer.name}")
    out = Topic(f"out.{group}", "candles", "symbol")
    topics.renew(session.kafka, [out])
    prefix, folder = session.kafka.topic_prefix, session.folder(f"state-{peer.name}")
    job = [session.kafka.bootstrap_servers, prefix + PLAIN.name, prefix + out.name, str(session.options.records), group, str(folder)]
    try:
        process = session.start(peer.name, *head, *job, *tail)
        used = process.wait(session.options.limit)
        said = told(process.output)
        _check(session, peer, out, expected, said)
    finally:
        topics.drop(session.kafka, group)
    return figures(session.options.records, said, used)


def told(output: str) -> Told:
    """What the peer said of itself."""
    line = next((line for line in output.splitlines() if line.startswith("BENCH ")), None)
    if line is None:
        raise Fault(f"told no times: {output[-500:]}")
    return msgspec.json.decode(line.removeprefix("BENCH "), type=Told)


def figures(count: int, told: Told, used: Usage) -> dict[str, float]:
    """Records a second over the run and over its second half, CPU seconds per million, peak memory."""
    found = {"rate": count / (told.last - told.first), "cpu_s_per_million": used.cpu_s * 1e6 / count, "rss_mib": used.rss_mib}
    if told.half:
        found["warm_rate"] = count / 2 / (told.last - told.half)
    return found


def _check(session: Session, peer: Peer, out: Topic, expected: Mapping[Window, Candle], told: Told) -> None:
    wanted, wrong = session.options.records, None
    if told.count < wanted:
        wrong = f"{told.count} of {wanted} records"
    elif peer.out == "candles":
        wrong = compare_peer(expected, (msgspec.json.decode(record.value or b"{}") for record in topics.read(session.kafka, out)))
    elif peer.out == "records":
        published = sum(topics.ends(session.kafka, out).values())
        wrong = None if published == wanted else f"{published} of {wanted} records are in the topic"
    if wrong:
        raise Fault(wrong)
