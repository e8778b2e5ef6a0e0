"""Service minutes: any split, order and repetition gives the same minutes; and so does the state machine, wherever it is restarted."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.transformer.checkpoint import decode, encode, start
from services.transformer.clocks import Rules
from services.transformer.outputs import Output
from services.transformer.transforms.ops import machine
from services.writer.batch import collect
from shared.aggregations.minutes import Key, fold, key, merge
from shared.events import MinuteRecord, ServiceEvent, ServiceMinute, ServiceRecord, Tally
from shared.time import MINUTE
from shared.topics import DEAD_LETTERS, MINUTES, OPS_EVENTS
from tests.fixtures.records import MS, Kept, heartbeat

AT = MS * 1000
services = st.sampled_from(["checkout", "search", "billing"])
statuses = st.none() | st.integers(100, 599)
events = st.lists(
    st.builds(
        lambda n, service, at, latency, status, late: ServiceEvent(f"e{n}", service, "x", AT + at, "", latency, status, late=late),
        *(st.integers(), services, st.integers(0, 4 * MINUTE), st.none() | st.decimals(0, 10**7, places=4), statuses, st.booleans()),
    ),
    max_size=40,
    unique_by=lambda event: event.event_id,
)
_event = msgspec.json.Decoder(ServiceRecord).decode
_minute = msgspec.json.Decoder(MinuteRecord).decode


def together(parts: Sequence[dict[Key, ServiceMinute]]) -> dict[Key, ServiceMinute]:
    found: dict[Key, ServiceMinute] = {}
    for part in parts:
        for window, minute in part.items():
            found[window] = merge(found[window], minute) if window in found else minute
    return found


@settings(deadline=None)
@given(events, st.integers(1, 6), st.integers())
def test_any_split_in_any_order_comes_to_the_same_minutes(given_events: list[ServiceEvent], parts: int, seed: int) -> None:
    chance = Random(seed)
    split: list[list[ServiceEvent]] = [[] for _ in range(parts)]
    for event in chance.sample(given_events, len(given_events)):
        chance.choice(split).append(event)
    folded = [fold(part) for part in split]
    whole = fold(given_events)
    assert together(folded) == together(folded[::-1]) == whole
    assert sum(minute.request_count for minute in whole.values()) == len(given_events)
    for minute in whole.values():
        assert sum(count for _, count in minute.latencies) == minute.latency_count


@st.composite
def logs(draw: st.DrawFn) -> list[Kept]:
    """Live events, copies of them, rows of a file, bad ones and heartbeats, in one raw partition."""
    found: list[Kept] = []
    for offset in range(draw(st.integers(1, 40))):
        at = MS + draw(st.integers(0, 3000)) * 100
        service, n = draw(services), draw(st.integers(0, 15))
        body = {"event_id": n, "service": service, "event_type": "x", "timestamp": f"{draw(st.integers(MS, at))}", "latency_ms": n}
        what = draw(st.sampled_from(["event", "event", "event", "row", "bad", "heartbeat"]))
        if what == "heartbeat":
            found.append(heartbeat(offset, at, source=service))
            continue
        headers = (("run", b"events-1:%d:0" % offset),) if what == "row" else ()
        found.append(Kept(offset, at, service.encode(), msgspec.json.encode(body if what != "bad" else {"service": service}), headers))
    return found


@settings(deadline=None, max_examples=80)
@given(logs(), st.integers())
def test_however_it_is_batched_and_restarted_a_partition_gives_the_same(log: list[Kept], seed: int) -> None:
    chance = Random(seed)
    whole = machine(0, start(9, 0), Rules()).step(log)
    subject, again, at = machine(0, start(9, 0), Rules()), list[Output](), 0
    while at < len(log):
        upto = min(len(log), at + chance.randint(1, 7))
        again += subject.step(log[at:upto])
        at = upto
        if chance.random() < 0.4:
            checkpoint = decode(encode(subject.checkpoint()))
            subject = machine(0, checkpoint, Rules())
            at = checkpoint.replay_from
    assert data(again) == data(whole)


def data(found: Sequence[Output]) -> list[tuple[str, bytes | None, bytes | None]]:
    """Everything but the counts, which are published when a checkpoint is taken."""
    taken = [output for output in found if output.topic is not OPS_EVENTS or not isinstance(_event(output.value or b""), Tally)]
    return [(output.topic.name, output.key, output.value) for output in taken]


@settings(deadline=None, max_examples=80)
@given(logs())
def test_live_minutes_are_the_fold_of_what_the_windows_let_in_and_nothing_is_lost(log: list[Kept]) -> None:
    subject = machine(0, start(9, 0), Rules())
    found = subject.step(log)
    published = [event for output in found if output.topic is OPS_EVENTS and isinstance(event := _event(output.value or b""), ServiceEvent)]
    letters = [output for output in found if output.topic is DEAD_LETTERS]
    assert len(published) + len(letters) == sum(not any(name == "ce_type" for name, _ in record.headers) for record in log)
    in_time: dict[tuple[Key, str], ServiceEvent] = {}
    for event in published:
        if event.run is None and not event.late:
            in_time.setdefault((key(event), event.event_id), event)
    wanted = fold(in_time.values())
    for output in found:
        if output.topic is MINUTES:
            minute = _minute(output.value or b"")
            assert isinstance(minute, ServiceMinute)
            assert minute.request_count <= wanted[minute.service, minute.start].request_count
            if minute.is_closed:
                assert minute.latency_sum == wanted[minute.service, minute.start].latency_sum
                assert minute.latencies == wanted[minute.service, minute.start].latencies


@settings(deadline=None, max_examples=60)
@given(logs())
def test_a_batch_keeps_the_first_copy_of_each_event_and_counts_the_others(log: list[Kept]) -> None:
    found = machine(0, start(9, 0), Rules()).step(log)
    records = [Kept(n, MS, output.key, output.value) for n, output in enumerate(found) if output.topic is OPS_EVENTS]
    batch = collect({(OPS_EVENTS.name, 0): records}, {})
    published = [event for record in records if isinstance(event := _event(record.value or b""), ServiceEvent)]
    first = {event.event_id: event for event in sorted(published, key=lambda event: (event.received_at, event.origin), reverse=True)}
    assert batch.events == first
    assert batch.duplicates.total() == len(published) - len(first)
    assert Decimal(len(first)) == sum(minute.request_count for minute in fold(batch.events.values()).values())
