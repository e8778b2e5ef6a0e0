"""Any bytes in any topic, through the transformer's machine and the Postgres sink: each record is stored or rejected, and the log goes on.

Every example has good records among the hostile ones; they are stored, the positions reach the ends, and the proofs of `verify` balance.
TICKPLANT_HOSTILE_EXAMPLES=2000 draws as many new examples of each test; by default the same few are drawn each time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from deploy.local.settings import inherited
from services.transformer import checkpoint as checkpoints
from services.transformer.clocks import Rules
from services.transformer.outputs import Output
from services.transformer.transforms import TRANSFORMS
from services.writer.batch import Place
from services.writer.sinks.postgres import proofs
from shared.records import Stored
from shared.settings import Database, Kafka, Settings
from shared.topics import DEAD_LETTERS, MARKET_RAW, OPS_RAW, TICKS, TRADING_RAW, Topic
from tests.hostile import records, samples
from tests.hostile.records import Hostile
from tests.integration.hostile_store import Store

EXAMPLES = int(inherited().get("TICKPLANT_HOSTILE_EXAMPLES", "0"))
RAW = (MARKET_RAW, TRADING_RAW, OPS_RAW)
CHECKPOINT_BYTES = 1_000_000
GOOD = {
    MARKET_RAW: "SELECT count(*) FROM ticks WHERE symbol = 'GOOD-USDT' AND id::bigint / 2 = $1",
    TRADING_RAW: "SELECT count(*) FROM orders WHERE order_id IN ('good-' || 2 * $1::bigint, 'good-' || 2 * $1::bigint + 1)",
    OPS_RAW: "SELECT count(*) FROM service_events WHERE event_id IN ('good-' || 2 * $1::bigint, 'good-' || 2 * $1::bigint + 1)",
}
# Received: every data record's values, or a mark that it has none; control records that cannot be read are counted too.
COUNTED = "SELECT coalesce(sum(received + ignored), 0)::bigint FROM tallies WHERE epoch = $1"
WHOLE = [proof.name for proof in proofs.PROOFS if proof.name != "gaps"]
UNCOUNTED = [name for name in WHOLE if name != "ledger"]  # nobody received what is written to a derived topic
profile = settings(
    max_examples=EXAMPLES or 60,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
draws = st.tuples(st.integers(1, 12), st.randoms(use_true_random=False))


@pytest.fixture
def store(bootstrap_servers: str, database_url: str) -> Iterator[Store]:
    configured = Settings(kafka=Kafka(bootstrap_servers=bootstrap_servers), database=Database.model_validate({"url": database_url}))
    with Store(configured) as found:
        yield found


@pytest.mark.parametrize("topic", RAW, ids=lambda topic: topic.name)
def test_any_raw_record_is_stored_or_rejected_and_the_log_goes_on(store: Store, topic: Topic) -> None:
    numbers = itertools.count(samples.MS)

    @profile
    @given(draws)
    def holds(drawn: tuple[int, Random]) -> None:
        (count, random), number = drawn, next(numbers)
        found = [records.raw(random, topic, samples.MS) for _ in range(count)]
        found.insert(count // 2, records.good(topic, 2 * number, samples.MS))
        found.append(records.good(topic, 2 * number + 1, samples.MS + 1))
        log = as_log(found, 3)
        note("\n".join(map(shown, log)))
        derived = through(topic, log, number, random.randrange(count + 1), store.positions())
        store.write(derived)
        assert store.behind(derived) == {}
        assert store.rows(GOOD[topic], number) == [(2,)]
        assert store.unbalanced(WHOLE) == {}
        data = sum(not any(name == "ce_type" for name, _ in record.headers) for record in log)
        assert int(str(store.rows(COUNTED, number)[0][0])) >= data

    holds()


@pytest.mark.parametrize("topic", [*samples.DERIVED, DEAD_LETTERS], ids=lambda topic: topic.name)
def test_any_derived_record_is_stored_or_rejected_and_the_log_goes_on(store: Store, topic: Topic) -> None:
    numbers = itertools.count(1)

    @profile
    @given(draws)
    def holds(drawn: tuple[int, Random]) -> None:
        (count, random), number = drawn, next(numbers)
        at = store.positions()
        log = as_log([records.derived(random, topic, samples.MS) for _ in range(count)], 4, at.get((topic.name, 4), 0))
        note("\n".join(map(shown, log)))
        good = Stored(9, at.get((TICKS.name, 9), 0), samples.MS, b"GOOD-USDT", samples.encode(records.good_tick(number, 9, number)), ())
        derived = {(topic.name, 4): log, (TICKS.name, 9): [good]}
        store.write(derived)
        assert store.behind(derived) == {}
        assert store.rows("SELECT count(*) FROM ticks WHERE symbol = 'GOOD-USDT' AND id = $1", str(number)) == [(1,)]
        assert store.unbalanced(UNCOUNTED) == {}

    holds()


def as_log(found: Sequence[Hostile], partition: int, start: int = 0) -> list[Stored]:
    return [Stored(partition, start + n, one.timestamp, one.key, one.value, one.headers) for n, one in enumerate(found)]


def shown(record: Stored) -> str:
    value = record.value if record.value is None or len(record.value) < 2_000 else record.value[:2_000] + b"..."
    return f"{record.timestamp} {record.key!r} {value!r} {record.headers!r}"


def through(topic: Topic, log: Sequence[Stored], epoch: int, cut: int, ends: Mapping[Place, int]) -> dict[Place, list[Stored]]:
    """What the transformer publishes of the log, in two batches; a successor could go on from each of its checkpoints."""
    machine = TRANSFORMS[topic.name](3, checkpoints.start(epoch, 0), Rules(), publish=True)
    published: list[Output] = []
    for batch in (log[:cut], log[cut:]):
        published += [*machine.step(batch), *machine.tally()]
        saved = checkpoints.encode(machine.checkpoint())
        assert len(saved) < CHECKPOINT_BYTES
        machine = TRANSFORMS[topic.name](3, checkpoints.decode(saved), Rules(), publish=True)
        machine.step([record for record in log if checkpoints.decode(saved).replay_from <= record.offset < machine.next_offset])
    assert machine.next_offset == len(log)
    derived: dict[Place, list[Stored]] = {}
    for output in published:
        place = output.topic.name, output.partition
        part = derived.setdefault(place, [])
        pairs: Sequence[tuple[bytes | None, bytes | None]] = output.many or [(output.key, output.value)]
        for key, value in pairs:
            assert fits(output, key, value)
            stamp = samples.MS if output.timestamp_ms is None else output.timestamp_ms
            part.append(Stored(output.partition, ends.get(place, 0) + len(part), stamp, key, value, tuple(output.headers)))
    return derived


def fits(output: Output, key: bytes | None, value: bytes | None) -> bool:
    """Whether the broker takes a record of this size."""
    headers = sum(len(name.encode()) + len(value or b"") for name, value in output.headers)
    return len(key or b"") + len(value or b"") + headers < output.topic.limit
