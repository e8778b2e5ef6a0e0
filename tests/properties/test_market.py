"""The state machine of a raw partition: what it gives depends on the log alone, and is what the definitions say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.transformer.checkpoint import decode, encode, start
from services.transformer.clocks import Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.tallies import BLOCK
from services.transformer.transforms.market import machine
from shared.events import Candle, CandleRecord, Count, GivenUp, Marker, Origin, Tally, Tick, TickRecord, tick_id
from shared.records import header
from shared.time import HOUR
from shared.topics import CANDLES, DEAD_LETTERS, TICKS
from tests.fixtures.records import Kept, live, trade
from tests.properties.market_log import RULES, SOURCES, Entry, Expected, logs

EPOCH = 9
_ticks = msgspec.json.Decoder(TickRecord).decode
_candles = msgspec.json.Decoder(CandleRecord).decode
rules = st.sampled_from(RULES)


def new(log: Sequence[Entry], given_rules: Rules) -> Machine:
    return machine(0, start(EPOCH, log[0].record.offset), given_rules)


def by_record(market: Machine, log: Sequence[Entry]) -> list[list[Output]]:
    """The outputs of each record, one at a time."""
    return [market.step([entry.record]) for entry in log]


def flat(parts: Iterable[Iterable[Output]]) -> list[Output]:
    return [output for part in parts for output in part]


def ticks(found: Iterable[Output]) -> list[Tick]:
    events = [_ticks(output.value or b"") for output in found if output.topic is TICKS]
    return [event for event in events if not isinstance(event, Marker | Tally)]


def final_tallies(found: Iterable[Output]) -> dict[int, list[Count]]:
    """The last counts of each block, as a store that replaces them holds them."""
    last: dict[int, Tally] = {}
    for output in found:
        if output.topic is TICKS and isinstance(event := _ticks(output.value or b""), Tally):
            last[event.block] = max(last.get(event.block, event), event, key=lambda tally: tally.upto)
    return {block: tally.counts for block, tally in last.items()}


def candles(found: Iterable[Output]) -> list[Candle | GivenUp]:
    return [_candles(output.value or b"") for output in found if output.topic is CANDLES]


def origins_of_letters(found: Iterable[Output]) -> list[bytes]:
    letters = [output for output in found if output.topic is DEAD_LETTERS and header(output.headers, "ce_type") != b"tickplant.marker"]
    return [(header(letter.headers, "origin") or b"").removeprefix(b"market.raw.v1/") for letter in letters]


def pieces(chance: Random, records: Sequence[Entry]) -> list[Sequence[Entry]]:
    """The records in batches of any sizes, empty ones included."""
    cuts = sorted(chance.choices(range(len(records) + 1), k=chance.choice((0, 1, 2, 5))))
    return [records[a:b] for a, b in zip([0, *cuts], [*cuts, len(records)], strict=True)]


Life = tuple[list[Sequence[Entry]], list[Sequence[Entry]]]


def lived(chance: Random, log: Sequence[Entry], given_rules: Rules) -> list[Life]:
    """The processes that worked on the log: each rebuilds, checkpoints after some batches, and dies after others."""
    lives: list[Life] = []
    shadow, done, replay = new(log, given_rules), 0, 0
    for _ in range(chance.choice((1, 2, 3, 5))):
        until = chance.randint(done, len(log))
        died = chance.randint(until, len(log))
        lives.append((pieces(chance, log[replay:until]), pieces(chance, log[until:died])))
        by_record(shadow, log[done:until])
        needed = shadow.checkpoint().replay_from
        done, replay = until, next((at for at, entry in enumerate(log) if entry.record.offset >= needed), len(log))
    return lives


@settings(max_examples=150, deadline=None)
@given(logs(), rules, st.integers(0, 2**32 - 1))
def test_any_batches_and_any_restarts_give_the_outputs_of_one_pass(log: list[Entry], given_rules: Rules, seed: int) -> None:
    lives = lived(Random(seed), log, given_rules)
    once = new(log, given_rules)
    reference = by_record(once, log)
    published: list[Output] = []
    at = encode(start(EPOCH, log[0].record.offset))
    for before, after in lives:
        market = machine(0, decode(at), given_rules)
        first = market.next_offset
        found = flat(market.step([entry.record for entry in batch]) for batch in before)
        published += found + market.tally()
        assert found == flat(reference[place] for place, entry in enumerate(log) if first <= entry.record.offset < market.next_offset)
        at, kept = encode(market.checkpoint()), market.next_offset
        repeated = flat(market.step([entry.record for entry in batch]) for batch in after)
        published += repeated
        assert repeated == flat(reference[place] for place, entry in enumerate(log) if kept <= entry.record.offset < market.next_offset)
    last = machine(0, decode(at), given_rules)
    replay_from, first = decode(at).replay_from, last.next_offset
    found = last.step([entry.record for entry in log if entry.record.offset >= replay_from])
    assert found == flat(reference[place] for place, entry in enumerate(log) if first <= entry.record.offset)
    assert last.checkpoint() == once.checkpoint()
    published += found + last.tally()
    assert final_tallies(published) == final_tallies(flat(reference) + once.tally())


@settings(max_examples=120, deadline=None)
@given(logs(), st.sampled_from(RULES[:2]))
def test_late_is_what_the_watermark_at_that_place_says(log: list[Entry], given_rules: Rules) -> None:
    expected = Expected(log, given_rules)
    found = {tick.origin.offset: tick.late for tick in ticks(flat(by_record(new(log, given_rules), log))) if tick.run is None}
    assert found == expected.late


@settings(max_examples=120, deadline=None)
@given(logs(longest=70), st.sampled_from(RULES[:2]))
def test_a_closed_candle_is_the_fold_of_its_distinct_on_time_ticks(log: list[Entry], given_rules: Rules) -> None:
    published = candles(flat(by_record(new(log, given_rules), log)))
    closed = [event for event in published if isinstance(event, Candle) and event.is_closed]
    found = {(candle.source, candle.symbol, str(candle.kind), candle.start): candle for candle in closed}
    expected = Expected(log, given_rules).closed()
    assert len(found) == len(closed)
    assert found.keys() == expected.keys()
    for window, entries in expected.items():
        assert summary(found[window]) == folded(entries)


def summary(candle: Candle) -> tuple[object, ...]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    volumes = (candle.volume, candle.quote_volume, candle.buy_volume, candle.sell_volume)
    return (
        prices,
        volumes,
        candle.tick_count,
        candle.trade_count,
        candle.late_count,
        candle.first[0],
        candle.last[0],
        candle.last_origin.offset,
    )


def folded(entries: list[Entry]) -> tuple[object, ...]:
    """The same of the entries, from the definitions."""
    ordered = sorted(entries, key=lambda entry: (entry.event, int(entry.number)))
    prices = [entry.price for entry in ordered]
    trades = entries[0].kind == "trade"
    bought = sum((entry.size for entry in entries if not entry.sell), Decimal(0))
    sold = sum((entry.size for entry in entries if entry.sell), Decimal(0))
    volumes = (bought + sold, sum((entry.price * entry.size for entry in entries), Decimal(0)), bought, sold) if trades else (None,) * 4
    last_origin = max(entry.record.offset for entry in entries)
    count = len(entries)
    extremes = (prices[0], max(prices), min(prices), prices[-1])
    return extremes, volumes, count, count if trades else 0, 0, ordered[0].event, ordered[-1].event, last_origin


@settings(max_examples=120, deadline=None)
@given(logs(), rules)
def test_every_value_is_one_of_tick_dead_letter_and_ignored_and_the_counts_say_so(log: list[Entry], given_rules: Rules) -> None:
    market = new(log, given_rules)
    reference = by_record(market, log)
    counted: Counter[tuple[int, str, str, int, str]] = Counter()
    for entry, found in zip(log, reference, strict=True):
        letters = origins_of_letters(found)
        assert [tick.origin for tick in ticks(found)] + letters == outcome(entry)
        run = "prices-1" if entry.what in ("row", "bad row") else ""
        about = (entry.record.offset // BLOCK, entry.source, run, entry.record.timestamp * 1000 // HOUR * HOUR)
        if entry.what == "ignored":
            counted[*about, "ignored"] += 1
        elif outcome(entry):
            counted[*about, "received"] += 1
            counted[*about, "rejected"] += len(letters)
    said: Counter[tuple[int, str, str, int, str]] = Counter()
    for block, counts in final_tallies(flat(reference) + market.tally()).items():
        for count in counts:
            about = (block, count.source, count.run, count.hour)
            said.update({(*about, "received"): count.received, (*about, "rejected"): count.rejected, (*about, "ignored"): count.ignored})
    assert +said == +counted


def outcome(entry: Entry) -> list[Origin | bytes]:
    """The origins of the ticks and dead letters that a record must give."""
    origin = Origin(EPOCH, 0, entry.record.offset, 0)
    if entry.taken or entry.what == "row":
        return [origin]
    return [str(origin).encode()] if entry.what in ("future", "poison", "bad row", "bad control") else []


@settings(max_examples=120, deadline=None)
@given(logs(), rules)
def test_an_open_window_is_published_at_most_once_per_interval_and_only_when_it_grew(log: list[Entry], given_rules: Rules) -> None:
    """The interval is one of its own source; a source without records of its own is published in another's."""
    market = new(log, given_rules)
    seen: dict[tuple[str, str, str, int], tuple[int, str, dict[str, int]]] = {}
    ended: set[tuple[str, str, str, int]] = set()
    crossed: Counter[str] = Counter()  # by source: in how many of its own intervals it has had a record
    slots = dict.fromkeys(SOURCES, -1)
    for entry in log:
        found = candles(market.step([entry.record]))
        for source, clock in market.clocks.items():
            slot = clock.log_time // given_rules.emit_interval
            crossed[source] += slot != slots[source]
            slots[source] = slot
        for event in found:
            window = (event.source, event.symbol, event.kind, event.start)
            assert window not in ended
            if isinstance(event, GivenUp) or event.is_closed:
                ended.add(window)
                continue
            count, by, before = seen.get(window, (0, "", {}))
            passed = {source: crossed[source] - before.get(source, 0) for source in crossed}
            assert not before or passed[event.source] or passed[by] or max(passed.values()) >= 2
            assert event.tick_count > count
            seen[window] = event.tick_count, entry.source, dict(crossed)


@settings(max_examples=80, deadline=None)
@given(logs(longest=60))
def test_a_window_is_given_up_only_for_its_age_or_its_records(log: list[Entry]) -> None:
    given_rules = RULES[2]
    first: dict[tuple[str, str, str, int], Entry] = {}
    for entry, found in zip(log, by_record(new(log, given_rules), log), strict=True):
        log_time = max(other.record.timestamp for other in log if other.record.offset <= entry.record.offset) * 1000
        for event in candles(found):
            if isinstance(event, GivenUp):
                opened = first[event.source, event.symbol, event.kind, event.start].record
                age, records = log_time - opened.timestamp * 1000, entry.record.offset - opened.offset
                assert age > given_rules.window_age or records > given_rules.window_records
        for tick in ticks(found):
            if not tick.late and entry.taken:
                first.setdefault(entry.window, entry)


AHEAD_MS = 3_300_000


@settings(max_examples=60, deadline=None)
@given(logs(), st.sampled_from(RULES[:2]), st.integers(0, 2**32 - 1))
def test_a_source_closes_its_windows_whatever_another_source_stamps(log: list[Entry], given_rules: Rules, seed: int) -> None:
    """Records of another source, stamped 55 minutes ahead, are put in anywhere."""
    chance = Random(seed)
    stamped: list[Kept] = []
    for entry in log:
        stamped.append(entry.record)
        if chance.random() < 0.2:
            at = entry.record.timestamp + AHEAD_MS
            frame = trade(10**6 + len(stamped), at - chance.choice((0, AHEAD_MS, 2 * AHEAD_MS)))
            stamped.append(live(0, at, frame, source="binance-ahead"))
    calm = market_states(given_rules, [entry.record for entry in log])
    spoiled = market_states(given_rules, stamped)
    assert {source: clock for source, clock in spoiled.items() if source != "binance-ahead"} == calm


def market_states(given_rules: Rules, records: Sequence[Kept]) -> dict[str, tuple[int, ...]]:
    """What each source's clock says of it at the end; offsets count the records."""
    subject = machine(0, start(EPOCH, 0), given_rules)
    subject.step([record._replace(offset=offset) for offset, record in enumerate(records)])
    return {source: (c.max_event, c.watermark, c.silent_since, c.epoch, c.log_time, c.next_emit) for source, c in subject.clocks.items()}


@settings(max_examples=120, deadline=None)
@given(logs(), rules)
def test_nothing_but_news_moves_the_beginning_of_a_silence(log: list[Entry], given_rules: Rules) -> None:
    """News: an event newer than all before it, a connect, a new owner, an owner's clock set right."""
    subject = new(log, given_rules)
    newest: dict[str, int] = {}
    for entry in log:
        before = {source: msgspec.structs.replace(clock) for source, clock in subject.clocks.items()}
        subject.step([entry.record])
        for source, clock in subject.clocks.items():
            known = before.get(source)
            if known is None or clock.silent_since == known.silent_since:
                continue
            assert source == entry.source
            newer = entry.taken and entry.event > newest.get(source, 0)
            owner = entry.what == "connected" or (entry.what == "heartbeat" and entry.epoch > known.epoch)
            set_right = entry.what == "heartbeat" and entry.record.timestamp * 1000 < known.log_time - given_rules.max_skew
            assert newer or owner or set_right
        if entry.taken:
            newest[entry.source] = max(newest.get(entry.source, 0), entry.event)


@settings(max_examples=60, deadline=None)
@given(logs())
def test_ticks_hold_what_was_sent(log: list[Entry]) -> None:
    sent = {entry.record.offset: entry for entry in log}
    for tick in ticks(flat(by_record(new(log, RULES[0]), log))):
        entry = sent[tick.origin.offset]
        if entry.kind == "trade" and entry.taken:
            assert (tick.source, tick.symbol, tick.event_time, tick_id(tick)) == (entry.source, entry.symbol, entry.event, entry.number)
        assert tick.received_at == entry.record.timestamp * 1000
