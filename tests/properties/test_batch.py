"""Any batches of the transformer's output, however it repeats itself, mean the same facts and the same counts for the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.transformer import outputs
from services.writer.batch import FactKey, LedgerKey, MarkKey, Place, collect, fact_key, ledger_key, precedence
from shared.events import Origin, Quote, Tick, Trade
from shared.time import HOUR
from shared.topics import TICKS
from tests.fixtures.records import MS, Kept

AT = MS * 1000
RAW = range(3)
DERIVED = range(2)
seeds = st.integers(0, 2**32 - 1)
Logs = dict[Place, list[Kept]]


def tick(chance: Random, symbol: str, origin: Origin) -> Tick:
    """A fact of few ids, so that duplicates are common; copies differ in receive time, run and values."""
    number, received = chance.randrange(6), AT + chance.choice((0, 1, HOUR))
    run, late = chance.choice((None, None, "prices-1")), chance.random() < 0.1
    envelope = {"source": "s", "received_at": received, "origin": origin, "late": late, "run": run}
    if chance.random() < 0.2:
        return msgspec.structs.replace(
            Quote(symbol, symbol, AT, Decimal(1), Decimal(chance.randrange(2, 4)), quote_id=str(number)), **envelope
        )
    return msgspec.structs.replace(Trade(symbol, symbol, AT, Decimal(chance.randrange(1, 3)), Decimal(1), "buy", str(number)), **envelope)


def emitted(chance: Random, events: Sequence[tuple[int, Tick]]) -> list[tuple[int, Tick]]:
    """The outputs of a raw partition as its transformers published them: after each crash, again from an earlier place."""
    out: list[tuple[int, Tick]] = []
    at = 0
    while at < len(events):
        until = chance.randint(at, len(events))
        out += events[at:until]
        at = until if chance.random() < 0.5 else chance.randint(max(0, until - 6), until)
    return out


def written(chance: Random) -> tuple[Logs, dict[int, list[tuple[int, Tick]]]]:
    """The derived partitions as they stand in Kafka, and what each raw partition gave once (with the derived partition)."""
    once: dict[int, list[tuple[int, Tick]]] = {}
    streams: list[list[tuple[int, Tick]]] = []
    for raw in RAW:
        places = sorted({(chance.randrange(30), chance.randrange(2)) for _ in range(chance.randrange(12))})
        chosen = [chance.choice(DERIVED) for _ in places]  # a symbol has one
        once[raw] = [(at, tick(chance, f"X{at}", Origin(1, raw, *place))) for at, place in zip(chosen, places, strict=True)]
        streams.append(emitted(chance, once[raw]))
    logs: Logs = {(TICKS.name, derived): [] for derived in DERIVED}
    while streams := [stream for stream in streams if stream]:
        derived, event = chance.choice(streams).pop(0)
        log = logs[TICKS.name, derived]
        log.append(Kept(len(log), MS, b"X", outputs.encode(event)))
    return logs, once


@dataclass
class Store:
    """What a store does with batches: keeps positions and marks, and of several copies of a fact the least."""

    facts: dict[FactKey, Tick] = field(default_factory=dict)
    marks: dict[MarkKey, Origin] = field(default_factory=dict)
    positions: dict[Place, int] = field(default_factory=dict)
    duplicates: Counter[LedgerKey] = field(default_factory=Counter)
    repeats: int = 0

    def write(self, polled: dict[Place, list[Kept]]) -> None:
        batch = collect(polled, self.marks)
        self.marks, self.positions = batch.marks, self.positions | batch.next_offsets
        self.duplicates += batch.duplicates
        self.repeats += batch.repeats
        for key, new in batch.facts.items():
            old = self.facts.get(key)
            if old is None:
                self.facts[key] = new
                continue
            kept, dropped = (new, old) if precedence(new) < precedence(old) else (old, new)
            self.facts[key] = kept
            self.duplicates[ledger_key(dropped)] += 1


def stored(chance: Random, logs: Logs) -> Store:
    """The logs written in batches of any sizes, the partitions in any order."""
    store, left = Store(), {place: list(records) for place, records in logs.items()}
    while any(left.values()):
        polled = {}
        for place in chance.sample(sorted(left), len(left)):
            size = chance.randint(0, len(left[place]))
            polled[place], left[place] = left[place][:size], left[place][size:]
        store.write(polled)
    return store


@settings(max_examples=120, deadline=None)
@given(seeds, seeds)
def test_any_batches_give_the_same_facts_duplicates_and_repeats(log: int, cuts: int) -> None:
    logs, _ = written(Random(log))
    whole = Store()
    whole.write(logs)
    parts = stored(Random(cuts), logs)
    assert [parts.facts[key] for key in sorted(parts.facts)] == [whole.facts[key] for key in sorted(whole.facts)]
    assert (parts.duplicates, parts.repeats, parts.marks) == (whole.duplicates, whole.repeats, whole.marks)
    assert parts.positions == {place: len(records) for place, records in logs.items() if records}


@settings(max_examples=120, deadline=None)
@given(seeds, seeds)
def test_repeats_of_earlier_output_are_dropped_and_counted_nowhere(log: int, cuts: int) -> None:
    """What is stored and counted is what each raw partition gave once."""
    logs, once = written(Random(log))
    store = stored(Random(cuts), logs)
    given_once = [event for events in once.values() for _, event in events]
    copies: dict[FactKey, list[Tick]] = {}
    for event in given_once:
        copies.setdefault(fact_key(event), []).append(event)
    assert store.facts.keys() == copies.keys()
    for key, held in store.facts.items():
        assert precedence(held) == min(map(precedence, copies[key]))
    received = Counter(ledger_key(event) for event in given_once)
    assert store.duplicates + Counter(ledger_key(event) for event in store.facts.values()) == received
    assert store.repeats == sum(map(len, logs.values())) - len(given_once)
