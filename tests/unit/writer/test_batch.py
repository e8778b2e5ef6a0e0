"""What a batch means for the store, by example."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.transformer import outputs
from services.writer.batch import collect, content, fact_key, ledger_key, precedence
from shared.errors import Rejected
from shared.events import Candle, GivenUp, IndexPrice, Marker, Origin, Quote, Run, Tally, Tick, Trade
from shared.refusals import one
from shared.runs import record as run_record
from shared.time import DAY, HOUR, MINUTE
from shared.topics import CANDLES, DEAD_LETTERS, MARKET_RAW, RUNS, TICKS
from tests.fixtures.records import MS, Kept, control, live, row

AT = MS * 1000
PLACE = (TICKS.name, 4)


def trade(number: int, origin: Origin, *, price: str = "100", received: int = AT, run: str | None = None, source: str = "binance") -> Trade:
    tick = Trade("BTC-USDT", "BTCUSDT", AT, Decimal(price), Decimal(1), "buy", str(number), number, source, received, origin)
    return msgspec.structs.replace(tick, run=run)


def kept(offset: int, event: object) -> Kept:
    return Kept(offset, MS, b"BTC-USDT", outputs.encode(event))


def test_facts_are_keyed_by_day_source_symbol_kind_and_id() -> None:
    tick = trade(7, Origin(1, 0, 5))
    batch = collect({PLACE: [kept(0, tick)]}, {})
    assert batch.facts == {(AT // DAY, "binance", "BTC-USDT", "trade", "7"): tick}
    assert (batch.next_offsets, batch.records, batch.repeats) == ({PLACE: 1}, 1, 0)
    assert batch.marks == {(TICKS.name, 4, 0): Origin(1, 0, 5)}


def test_output_at_or_below_the_mark_of_its_raw_partition_is_a_repeat_and_is_not_counted() -> None:
    # mark of raw partition 0 at 5/1          other raw partitions have their own
    marks = {(TICKS.name, 4, 0): Origin(1, 0, 5, 1), (TICKS.name, 3, 0): Origin(1, 0, 99)}
    given = [trade(1, Origin(1, 0, 4)), trade(2, Origin(1, 0, 5, 1)), trade(3, Origin(1, 0, 5, 2)), trade(4, Origin(1, 1, 2))]
    batch = collect({PLACE: [kept(n, tick) for n, tick in enumerate(given)]}, marks)
    assert [key[4] for key in batch.facts] == ["3", "4"]
    assert (batch.repeats, batch.duplicates) == (2, {})
    assert batch.marks == marks | {(TICKS.name, 4, 0): Origin(1, 0, 5, 2), (TICKS.name, 4, 1): Origin(1, 1, 2)}
    assert marks[TICKS.name, 4, 0] == Origin(1, 0, 5, 1)


def test_a_new_epoch_is_above_every_mark_of_the_old_one() -> None:
    batch = collect({PLACE: [kept(0, trade(1, Origin(2, 0, 0)))]}, {(TICKS.name, 4, 0): Origin(1, 0, 10**9)})
    assert len(batch.facts) == 1


def test_the_same_fact_again_is_a_duplicate_counted_where_the_copy_that_goes_came_from() -> None:
    first = trade(7, Origin(1, 0, 5), received=AT + HOUR)
    again = trade(7, Origin(1, 0, 6), received=AT, run="prices-1")
    batch = collect({PLACE: [kept(0, first), kept(1, again)]}, {})
    assert list(batch.facts.values()) == [again]
    assert batch.duplicates == {("binance", "", AT + HOUR): 1}


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_copies_the_earliest_received_holds_then_the_least_content(turned: bool) -> None:
    one, other = trade(7, Origin(1, 0, 5), price="100"), trade(7, Origin(1, 0, 6), price="101")
    least = min((one, other), key=content)
    given = [other, one] if turned else [one, other]
    numbered = [msgspec.structs.replace(tick, origin=Origin(1, 0, n)) for n, tick in enumerate(given)]
    [held] = collect({PLACE: [kept(n, tick) for n, tick in enumerate(numbered)]}, {}).facts.values()
    assert isinstance(held, Trade)
    assert held.price == least.price


@pytest.mark.parametrize(
    ("tick", "changes"),
    [
        (trade(7, Origin(1, 0, 5)), {"event_time": 1, "sequence": 9, "price": Decimal(9), "size": Decimal(9), "side": "sell"}),
        (
            Quote("X", "X", AT, Decimal(1), Decimal(2)),
            {"event_time": 1, "sequence": 9, "bid": Decimal(9), "ask": Decimal(9), "bid_size": Decimal(9), "ask_size": Decimal(9)},
        ),
        (IndexPrice("X", "X", AT, Decimal(1)), {"event_time": 1, "sequence": 9, "price": Decimal(9)}),
    ],
)
def test_content_is_what_a_venue_could_have_restated(tick: Tick, changes: dict[str, object]) -> None:
    for name, value in changes.items():
        assert content(msgspec.structs.replace(tick, **{name: value})) != content(tick)
    same = msgspec.structs.replace(tick, origin=Origin(5, 5, 5), late=True, run="r", received_at=5)
    assert content(same) == content(tick)
    assert precedence(same) < precedence(msgspec.structs.replace(tick, received_at=6))


def test_ticks_of_each_kind_have_a_key_and_a_place_in_the_ledger() -> None:
    quote = Quote("X", "X", AT, Decimal(1), Decimal(2), quote_id="q", source="s", received_at=AT + 5, run="prices-1")
    index = IndexPrice("X", "X", AT + DAY, Decimal(1), "i", source="s", received_at=AT + HOUR)
    assert fact_key(quote) == (AT // DAY, "s", "X", "quote", "q")
    assert fact_key(index) == (AT // DAY + 1, "s", "X", "index", "i")
    assert (ledger_key(quote), ledger_key(index)) == (("s", "prices-1", AT), ("s", "", AT + HOUR))


def test_tallies_and_markers_are_taken_whatever_the_marks_say() -> None:
    marker, tally = Marker("prices-1", "market.raw.v1", [0], "finished", origin=Origin(1, 0, 3)), Tally("market.raw.v1", 0, 1, 0, 5, [])
    batch = collect({PLACE: [kept(0, marker), kept(1, tally)]}, {(TICKS.name, 4, 0): Origin(1, 0, 99)})
    assert (batch.markers, batch.tallies, batch.repeats) == ([(marker, PLACE)], [tally], 0)


def test_a_record_that_cannot_be_read_is_a_letter_and_the_rest_is_taken() -> None:
    batch = collect(
        {PLACE: [kept(0, trade(1, Origin(1, 0, 1))), Kept(1, MS, None, b"{"), Kept(2, MS, None, None), kept(3, trade(2, Origin(1, 0, 2)))]},
        {},
    )
    assert len(batch.facts) == 2
    letters = [rejection.letter for rejection in batch.rejected]
    assert [(letter.offset, letter.reason, letter.sample) for letter in letters] == [(1, "malformed", b"{"), (2, "malformed", b"")]
    assert batch.next_offsets == {PLACE: 4}


def candle(**changes: object) -> Candle:
    price, volume = Decimal(100), Decimal(1)
    made = Candle(
        "binance",
        "BTC-USDT",
        "trade",
        MINUTE,
        AT,
        price,
        price,
        price,
        price,
        volume,
        price,
        volume,
        Decimal(0),
        1,
        1,
        0,
        (AT, 1, "1"),
        (AT, 1, "1"),
    )
    return msgspec.structs.replace(made, **changes)


def test_only_the_ends_of_live_windows_are_closings() -> None:
    closed, given_up = candle(is_closed=True), GivenUp("binance", "X", "trade", MINUTE, AT, Origin(1, 0, 1))
    events = [candle(), closed, candle(is_closed=True, from_store=True), given_up]
    records = [*(kept(n, event) for n, event in enumerate(events)), Kept(4, MS, b"k", None)]
    assert collect({(CANDLES.name, 2): records}, {}).closings == [(closed, 2), (given_up, 2)]


def letters_record(record: Kept, reason: Rejected, offset: int = 9) -> Kept:
    output = outputs.dead_letter(MARKET_RAW, record, one(reason), Origin(1, 0, record.offset), "binance", AT)
    return Kept(offset, MS + 5000, output.key, output.value, tuple(output.headers), output.partition)


def test_a_dead_letter_is_kept_with_its_reason_origin_and_row() -> None:
    bad = Rejected("bad_price", "p '-1' is not above zero")
    batch = collect({(DEAD_LETTERS.name, 0): [letters_record(row(7, MS, b"x" * 1000, run="prices-1", number=12), bad)]}, {})
    [letter] = batch.letters
    assert (letter.partition, letter.offset, letter.origin, letter.source) == (0, 9, "market.raw.v1/1/0/7/0", "binance")
    assert (letter.run, letter.line, letter.reason, letter.message) == ("prices-1", 12, "bad_price", "p '-1' is not above zero")
    assert (letter.received_at, letter.sample) == (AT, b"x" * 512)


@pytest.mark.parametrize("headers", [(("run", b"?"),), (("received_at", b"never"),), (("error_reason", b"x\x00"),), (("run", b"\xff"),)])
def test_whatever_headers_a_rejected_record_had_its_letter_is_read(headers: tuple[tuple[str, bytes], ...]) -> None:
    batch = collect({(DEAD_LETTERS.name, 0): [letters_record(live(7, MS, b"{", headers=headers), Rejected("malformed", "why"))]}, {})
    assert [(letter.reason, letter.run, letter.received_at) for letter in batch.letters] == [("malformed", "", AT)]


def test_a_rejected_marker_is_a_letter_and_a_copied_one_a_marker() -> None:
    marker = Marker("prices-1", "market.raw.v1", [0], "finished")
    [copy] = [output for output in outputs.markers(marker) if (output.topic, output.partition) == (DEAD_LETTERS, 3)]
    records = [
        letters_record(control("marker", 7, MS, "file", b"{"), Rejected("malformed", "why")),
        Kept(10, MS, copy.key, copy.value, tuple(copy.headers)),
    ]
    batch = collect({(DEAD_LETTERS.name, 3): records}, {})
    assert (len(batch.letters), batch.markers) == (1, [(marker, (DEAD_LETTERS.name, 3))])


def test_runs_are_taken_by_id() -> None:
    runs = [Run("prices-1", "prices", "running", "file", AT, AT + n, sent=n) for n in range(2)]
    sent = [run_record(run) for run in runs]
    batch = collect({(RUNS.name, 1): [Kept(n, MS, found.key, found.value, tuple(found.headers)) for n, found in enumerate(sent)]}, {})
    assert batch.runs == {"prices-1": runs[1]}


def test_a_place_without_records_has_no_position() -> None:
    assert collect({PLACE: []}, {}).next_offsets == {}


def test_a_run_s_result_outlives_a_record_that_has_none() -> None:
    told = Run("snapshot-1", "snapshot", "published", "snapshots", AT, AT + 1, result={"prices": []})
    ended = msgspec.structs.replace(told, status="finished", updated_at=AT + 2, result={})
    records = [Kept(n, MS, *run_record(run)[1:3]) for n, run in enumerate((told, ended))]
    assert collect({(RUNS.name, 0): records}, {}).runs == {"snapshot-1": msgspec.structs.replace(ended, result=told.result)}
