"""Texts and whole numbers from outside fit the store's columns once they have passed the edge."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events import Connection, Gap, Hole, Marker, MarketInfo, Run, SourceState, TickRecord, Trade
from shared.ops import times
from shared.storable import INT64, storable, storable_tree, whole, whole_or_none
from shared.time import from_iso

T0 = 1_700_000_000_000_000
ANY = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff"))  # with what the strategy leaves out by itself
TREE = st.recursive(ANY | st.integers() | st.none(), lambda part: st.lists(part) | st.dictionaries(ANY, part), max_leaves=10)


@given(ANY, st.integers(0, 20))
def test_a_storable_text_is_short_valid_and_without_nul(text: str, most: int) -> None:
    kept = storable(text, most)
    assert len(kept) <= most
    assert "\x00" not in kept
    assert kept.encode().decode() == kept
    assert storable(kept, most) == kept


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=100))
def test_a_text_that_can_be_stored_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


@given(TREE)
def test_a_tree_keeps_its_shape_and_loses_what_a_jsonb_column_refuses(tree: object) -> None:
    kept = storable_tree(tree)
    text = msgspec.json.encode(kept).decode()
    assert "\\u0000" not in text
    assert storable_tree(kept) == kept
    if not isinstance(tree, str | dict | list):
        assert kept == tree


def test_a_tree_nested_without_end_ends() -> None:
    tree: list[object] = []
    for _ in range(100_000):
        tree = [tree]
    assert msgspec.json.encode(storable_tree(tree)).count(b"[") == 64


@given(st.integers())
def test_a_whole_number_fits_or_is_refused(value: int) -> None:
    assert whole_or_none(value) == (value if -(2**63) <= value < 2**63 else None)
    if value in INT64:
        assert whole(value, "sequence") == value
    else:
        with pytest.raises(Rejected, match=r"sequence .* does not fit 64 bits"):
            whole(value, "sequence")


@pytest.mark.parametrize(
    "event",
    [
        SourceState("binance", "bin\x00ance", 5, "disconnected", T0, reason="1008 bad\x00key \ud800", gap=Gap(T0, T0, "a\x00b")),
        Hole("kraken", "BTC\x00USD", "trade", T0, T0 + 1, "open", "x\x00", T0, 5, 6, 0, 1, "kraken error: E\x00" + "x" * 9999),
        Run("daily-x-1", "daily", "failed", "polygon", T0, T0, {"a\x00": ["\ud800"]}, message="answers 404: n\x00o", result={"b": "\x00"}),
        Marker("a\x00b", "market.raw.v1", [0], "aborted", message="no\x00"),
        MarketInfo("BTC-USD", "btc\x00", T0, "Bit\x00coin\ud800"),
    ],
)
def test_low_rate_events_are_storable_however_they_are_made(event: SourceState) -> None:
    encoded = msgspec.json.encode(event)
    assert b"\\u0000" not in encoded
    assert len(encoded) < 2000
    assert msgspec.json.decode(encoded, type=type(event)) == event
    hostile = encoded.replace("\ufffd".encode(), b"\\u0000")
    assert hostile != encoded
    assert msgspec.json.decode(hostile, type=type(event)) == event


def test_a_rank_that_no_column_holds_is_null() -> None:
    info = b'{"kind":"info","symbol":"BTC-USD","native_symbol":"btc","event_time":1,"name":"Bitcoin","rank":9223372036854775808}'
    decoded = msgspec.json.decode(info, type=TickRecord)
    assert isinstance(decoded, MarketInfo)
    assert decoded.rank is None
    assert MarketInfo("BTC-USD", "btc", T0, "Bitcoin", 2**63 - 1).rank == 2**63 - 1


@pytest.mark.parametrize(("field", "value"), [("sequence", 2**63), ("event_time", 2**60), ("received_at", -1)])
def test_a_number_that_no_column_holds_is_refused_by_the_decoder(field: str, value: int) -> None:
    trade = {"kind": "trade", "symbol": "A", "native_symbol": "A", "event_time": T0, "price": "1", "size": "1", field: value}
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.json.decode(msgspec.json.encode(trade), type=TickRecord)
    assert msgspec.json.decode(msgspec.json.encode({**trade, field: T0}), type=Trade).kind == "trade"


def test_a_connection_with_an_epoch_of_65_bits_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="epoch"):
        msgspec.json.decode(b'{"source":"a","epoch":18446744073709551616,"state":"gap"}', type=Connection)


@pytest.mark.parametrize("parse", [from_iso, times.parse])
@pytest.mark.parametrize(
    "text",
    [
        "2026-11-30\x0000:00:00Z",
        "2026-11-30\ud80000:00:00Z",
        "x" + " " * 200_000 + "x",
        " " * 200_000 + "2026-11-30",
        "2026-11-30T00:00:00." + "0" * 200_000 + "Z",
    ],
)
def test_a_timestamp_is_short_and_printable_before_anything_reads_it(parse: object, text: str) -> None:
    begun = time.monotonic()
    with pytest.raises(Rejected) as fault:
        parse(text)  # type: ignore[operator]
    assert fault.value.reason == "bad_timestamp"
    assert time.monotonic() - begun < 0.5
