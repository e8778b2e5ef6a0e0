"""What a raw record is: a live frame, a row, a recorded frame or something foreign, which becomes a rejection and never an exception."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events import IndexPrice, Origin, Quote, Trade
from shared.identity import fact_id
from shared.raw import Raw, complete, numbered, read, recorded_at
from tests.fixtures.records import MS, Kept, live, row, trade

ORIGIN = Origin(7, 3, 42, 1)
SKEW = 60_000_000
PRICES = b"time,price,size,symbol=BTC-USDT,zone=UTC\n"


def rejection(raw: Raw) -> Rejected:
    with pytest.raises(Rejected) as caught:
        list(raw.parse())
    return caught.value


def test_a_live_frame_names_its_source_in_its_key() -> None:
    raw = read(live(0, MS, trade(7, MS)))
    assert (raw.source, raw.received_at, raw.run, raw.payload) == ("binance", MS * 1000, None, trade(7, MS))
    assert [tick.trade_id for tick in raw.parse() if isinstance(tick, Trade)] == ["7"]


def test_a_source_with_a_suffix_is_parsed_by_its_provider() -> None:
    assert len(list(read(live(0, MS, trade(7, MS), source="binance-sim")).parse())) == 1


def test_a_row_of_a_price_file_needs_no_provider_of_its_sources_name() -> None:
    raw = read(row(0, MS, PRICES + b"2021-01-08T00:00:00Z,1.5,2", source="split-2"))
    assert raw.run == "prices-1"
    assert [tick.price for tick in raw.parse() if isinstance(tick, Trade)] == [Decimal("1.5")]


def test_a_recorded_frame_brings_its_own_receive_time() -> None:
    raw = read(row(0, MS, b"1618677817.061845: " + trade(7, MS), run="frames-1", source="binance"))
    assert (raw.received_at, raw.payload) == (1_618_677_817_061_845, trade(7, MS))


@pytest.mark.parametrize(
    ("stamp", "us"),
    [(b"1618677817", 1_618_677_817_000_000), (b"1618677817.0208309", 1_618_677_817_020_830), (b"1618677817.5", 1_618_677_817_500_000)],
)
def test_a_recorded_receive_time_is_cut_to_microseconds(stamp: bytes, us: int) -> None:
    assert recorded_at(stamp) == us


@pytest.mark.parametrize("stamp", [b"", b"abc", b"-1", b"1618677817.x", b"1e9", b"1" * 13, b"\xff", b"\x00", "²".encode()])
def test_a_line_that_does_not_begin_with_a_receive_time_is_a_bad_row(stamp: bytes) -> None:
    fault = rejection(read(row(0, MS, stamp + b": {}", run="frames-1", source="binance")))
    assert fault.reason == "bad_row"
    assert repr(stamp) in fault.message


def test_a_recorded_receive_time_in_the_wrong_unit_is_a_bad_timestamp() -> None:
    assert rejection(read(row(0, MS, b"1618677: {}", run="frames-1", source="binance"))).reason == "bad_timestamp"


@pytest.mark.parametrize("key", [None, b"", b"|BTCUSDT", b"Binance|X", b"\xff\xfe|X", b"a b|X", b"x" * 65])
def test_a_key_that_names_no_source_is_an_unknown_source(key: bytes | None) -> None:
    raw = read(Kept(0, MS, key, trade(7, MS)))
    assert raw.source == "unknown"
    assert rejection(raw).reason == "unknown_source"
    assert repr((key or b"")[:80]) in rejection(raw).message


def test_a_row_whose_key_names_no_source_is_still_counted_with_its_run() -> None:
    assert read(row(0, MS, b"x", run="prices-7", source="No Source")).run == "prices-7"


def test_a_source_without_a_provider_is_an_unknown_source() -> None:
    fault = rejection(read(live(0, MS, b"{}", source="bitmex")))
    assert fault.reason == "unknown_source"
    assert "'bitmex'" in fault.message


@pytest.mark.parametrize("value", [b"", b"prices-1", b"\xff:1:0", b"prices-1:x:0"])
def test_a_run_header_that_is_none_is_a_bad_row(value: bytes) -> None:
    fault = rejection(read(live(0, MS, trade(7, MS), headers=(("run", value),))))
    assert fault.reason == "bad_row"
    assert repr(value) in fault.message


def test_a_tombstone_is_malformed() -> None:
    assert rejection(read(Kept(0, MS, b"binance|X", None))).reason == "malformed"


@settings(max_examples=150, deadline=None)
@given(
    st.none() | st.binary(max_size=20) | st.sampled_from([b"binance", b"coinbase|X"]),
    st.none() | st.binary(max_size=60),
    st.lists(
        st.tuples(st.sampled_from(["run", "ce_type", "x"]), st.binary(max_size=12) | st.sampled_from([b"prices-1:1:0", b"frames-1:1:0"])),
        max_size=2,
    ),
)
def test_any_record_is_read_and_parsed_or_rejected(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    raw = read(Kept(0, MS, key, value, tuple(headers)))
    with suppress(Rejected):
        list(raw.parse())


def raw_at(received_at: int, source: str = "binance") -> Raw:
    return Raw(source, b"", received_at)


TRADE = Trade("BTC-USDT", "BTCUSDT", MS * 1000, Decimal("1.5"), Decimal(2), "buy", "7", 7)


def test_a_tick_is_completed_with_its_envelope() -> None:
    found = complete(TRADE, raw_at(MS * 1000 + 5), ORIGIN, SKEW)
    assert found == Trade("BTC-USDT", "BTCUSDT", MS * 1000, Decimal("1.5"), Decimal(2), "buy", "7", 7, "binance", MS * 1000 + 5, ORIGIN)


def test_a_tick_without_a_time_happened_when_it_was_received() -> None:
    quote = Quote("BTC-USDT", "BTCUSDT", 0, Decimal(1), Decimal(2), sequence=9)
    found = complete(quote, raw_at(MS * 1000 + 5), ORIGIN, SKEW)
    assert found.event_time == found.received_at == MS * 1000 + 5
    values = (Decimal(1), Decimal(2), None, None, "9")
    assert isinstance(found, Quote)
    assert found.quote_id == fact_id("binance", "BTC-USDT", MS * 1000 + 5, values, 0)


def test_identical_lines_of_a_file_are_told_apart_by_their_number() -> None:
    index = IndexPrice("BTC-USD", "bitcoin", MS * 1000, Decimal(5))
    first, second = (complete(index, read(row(0, MS, b"", n=n)), ORIGIN, SKEW) for n in (0, 1))
    assert isinstance(first, IndexPrice)
    assert isinstance(second, IndexPrice)
    assert first.index_id != second.index_id
    assert first.run == "prices-1"


def test_an_event_up_to_the_skew_ahead_is_taken_and_beyond_it_rejected() -> None:
    assert complete(TRADE, raw_at(MS * 1000 - SKEW), ORIGIN, SKEW).event_time == MS * 1000
    with pytest.raises(Rejected) as caught:
        complete(TRADE, raw_at(MS * 1000 - SKEW - 1), ORIGIN, SKEW)
    assert caught.value.reason == "future_event_time"
    assert caught.value.message.startswith(
        "event time 2021-01-08T00:00:00Z is more than 60 s ahead of its receive time 2021-01-07T23:58:59.999999Z"
    )


@pytest.mark.parametrize("sequence", [2**63, 2**70, -(2**63) - 1])
def test_a_sequence_beyond_64_bits_is_malformed(sequence: int) -> None:
    big = Trade("BTC-USDT", "BTCUSDT", MS * 1000, Decimal(1), Decimal(2), "buy", str(sequence), sequence)
    with pytest.raises(Rejected, match=f"sequence {sequence} does not fit") as caught:
        complete(big, raw_at(MS * 1000), ORIGIN, SKEW)
    assert caught.value.reason == "malformed"


@pytest.mark.parametrize("trade_id", ["a\x00b", "a\nb", "x" * 129])
def test_an_id_that_no_column_takes_is_malformed(trade_id: str) -> None:
    with pytest.raises(Rejected) as caught:
        complete(Trade("X", "X", MS * 1000, Decimal(1), Decimal(2), None, trade_id), raw_at(MS * 1000), ORIGIN, SKEW)
    assert caught.value.reason == "malformed"
    assert repr(trade_id[:80]) in caught.value.message


def test_identical_values_of_one_record_are_told_apart_and_a_venues_own_id_is_not_numbered() -> None:
    quote = Quote("BTC-USD", "BTC/USD", 0, Decimal(1), Decimal(2))
    trade = Trade("BTC-USD", "BTC/USD", MS * 1000, Decimal(1), Decimal(2), "buy", "7", 7)
    found = list(numbered([quote, trade, quote, trade, Rejected("bad_price", "x"), quote]))
    assert [n for _, n in found] == [0, 0, 1, 0, 0, 2]
    ids = {complete(quote, raw_at(MS * 1000), ORIGIN, SKEW, n).quote_id for n in range(3)}  # type: ignore[union-attr]
    assert len(ids) == 3
