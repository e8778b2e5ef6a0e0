"""Whatever bytes are in a raw topic: each record gives outputs or one dead letter, all counted, and the position moves."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.transformer import checkpoint as checkpoints
from services.transformer.clocks import Rules
from services.transformer.outputs import Output
from services.transformer.transforms import TRANSFORMS
from shared import dead_letters
from shared.errors import Rejected
from shared.events import Fact, MarketInfo, ServiceRecord, Tally, TickRecord, TradingRecord
from shared.providers import PROVIDERS
from shared.storable import INT64
from shared.tape import TAPES, ids_of
from shared.time import EARLIEST, LATEST
from shared.topics import DEAD_LETTERS, MARKET_RAW, OPS_EVENTS, OPS_RAW, TICKS, TRADING_EVENTS, TRADING_RAW
from tests.fixtures.records import Kept
from tests.properties import hostile

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
EVENTS = {
    TICKS.name: msgspec.json.Decoder(TickRecord).decode,
    TRADING_EVENTS.name: msgspec.json.Decoder(TradingRecord).decode,
    OPS_EVENTS.name: msgspec.json.Decoder(ServiceRecord).decode,
}


def transform(topic: str, records: list[Kept], cuts: int = 0) -> tuple[list[Output], list[str], bytes]:
    """Outputs, tracebacks and checkpoint of the records, taken in pieces of `cuts` where it is not 0."""
    machine = TRANSFORMS[topic](0, checkpoints.start(5, 0), Rules(), publish=True)
    out: list[Output] = []
    for at in range(0, len(records), cuts or len(records)):
        out += machine.step(records[at : at + (cuts or len(records))])
    assert machine.next_offset == len(records)
    return out + machine.tally(), [fault.trace for fault in machine.faults()], checkpoints.encode(machine.checkpoint())


def values(out: list[Output]) -> list[tuple[str, int, bytes | None, bytes]]:
    """Every record published, those that go together one by one."""
    found: list[tuple[str, int, bytes | None, bytes]] = []
    for output in out:
        place = output.topic.name, output.partition
        found += [(*place, key, value) for key, value in output.many] or [(*place, output.key, output.value or b"")]
    return found


def storable(value: object) -> bool:
    """Whether Postgres takes every text and whole number of an event's first level."""
    fields = msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else {}
    texts = [found for found in fields.values() if isinstance(found, str)]
    wholes = [found for found in fields.values() if isinstance(found, int)]
    return all("\x00" not in text and text.encode() is not None for text in texts) and all(found in INT64 for found in wholes)


@pytest.mark.parametrize("topic", hostile.RAW)
@SETTINGS
@given(data=st.data())
def test_any_record_gives_events_or_one_dead_letter_and_the_position_moves(topic: str, data: st.DataObject) -> None:
    records = data.draw(hostile.log(topic))
    out, faults, checkpoint = transform(topic, records)
    assert faults == []
    assert len(checkpoint) < MARKET_RAW.limit
    letters = [output for output in out if output.topic is DEAD_LETTERS and "origin" in dict(output.headers)]
    origins = [dict(output.headers)["origin"].rpartition(b"/")[0] for output in letters]
    assert len(set(origins)) == len(origins)
    rejected = 0
    for output in letters:
        letter = dead_letters.read(Kept(0, output.timestamp_ms or 0, output.key, output.value, tuple(output.headers)))
        assert letter is not None
        assert EARLIEST <= letter.received_at < LATEST
        rejected += sum(count.number for count in letter.counts)
    events = [EVENTS[topic_](value) for topic_, _, _, value in values(out) if topic_ in EVENTS]
    assert all(storable(event) for event in events)
    newest = {(tally.block): tally for tally in events if isinstance(tally, Tally)}
    counts = [count for tally in newest.values() for count in tally.counts]
    facts = [event for event in events if hasattr(event, "received_at")]
    assert sum(count.received for count in counts) == len(facts) + rejected
    assert sum(count.rejected for count in counts) == rejected


@pytest.mark.parametrize("topic", hostile.RAW)
@SETTINGS
@given(data=st.data(), cuts=st.integers(1, 4))
def test_hostile_records_give_the_same_however_they_are_cut(topic: str, data: st.DataObject, cuts: int) -> None:
    records = data.draw(hostile.log(topic))
    whole, cut = transform(topic, records), transform(topic, records, cuts)
    assert Counter(values(whole[0])) == Counter(values(cut[0]))
    assert whole[2] == cut[2]


@pytest.mark.parametrize("topic", hostile.RAW)
@SETTINGS
@given(data=st.data())
def test_a_successor_rebuilds_and_goes_on_through_hostile_records(topic: str, data: st.DataObject) -> None:
    records = data.draw(hostile.log(topic))
    at = data.draw(st.integers(0, len(records)))
    first = TRANSFORMS[topic](0, checkpoints.start(5, 0), Rules(), publish=True)
    first.step(records[:at])
    left = checkpoints.decode(checkpoints.encode(first.checkpoint()))
    second = TRANSFORMS[topic](0, left, Rules(), publish=True)
    again = second.step(records[left.replay_from :])
    assert Counter(values(first.step(records[at:]))) == Counter(values(again))


SEEDS = [(key.partition(b"|")[0].decode(), seed) for key, seeds in hostile.MARKET.items() for seed in seeds]


@pytest.mark.parametrize(("source", "seed"), SEEDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_provider_returns_facts_or_rejections_in_bounded_time(source: str, seed: bytes, data: st.DataObject) -> None:
    payload = data.draw(hostile.mutated(seed))
    provider = PROVIDERS["prices-csv" if source == "file" else source]
    begun = time.process_time()
    provider.native_symbol(payload).encode()
    try:
        found = list(provider.parse(payload))
    except Rejected:
        found = []
    if source in TAPES:
        with suppress(Rejected):
            found += TAPES[source].parse(payload, "BTC/USD")
        assert all(number in INT64 for _, number, _ in ids_of(source)(payload))
    assert time.process_time() - begun < 1
    assert all(isinstance(value, Rejected | Fact) for value in found)
    for value in found:
        if not isinstance(value, Rejected | MarketInfo):
            prices = [getattr(value, name, None) for name in ("price", "size", "bid", "ask", "open", "high", "low", "close", "volume")]
            assert all(price is None or price.is_finite() for price in prices)


assert {MARKET_RAW.name, TRADING_RAW.name, OPS_RAW.name} == set(hostile.RAW)
