"""Where outputs go: the partition a reader expects, the key that identifies, the bytes that were received."""

from __future__ import annotations

from decimal import Decimal

from aiokafka.partitioner import murmur2

from services.transformer import outputs
from shared.errors import Rejected
from shared.events import Candle, GivenUp, Marker, Origin, Tally, Trade
from shared.records import header
from shared.refusals import one
from shared.topics import CANDLES, DEAD_LETTERS, MARKET_RAW, TICKS
from tests.fixtures.records import MS, control, live

ORIGIN = Origin(9, 3, 42, 1)


def of_client(key: bytes) -> int:
    partition: int = (murmur2(key) & 0x7FFFFFFF) % 12
    return partition


def test_a_tick_is_keyed_by_its_symbol() -> None:
    found = outputs.tick(Trade("BTC-USDT", "BTCUSDT", 1, Decimal("1.50"), Decimal(2)))
    assert (found.topic, found.partition, found.key, found.headers) == (TICKS, of_client(b"BTC-USDT"), b"BTC-USDT", ())
    assert found.value is not None
    assert b'"price":"1.50"' in found.value


def test_a_candle_is_keyed_by_its_whole_identity_and_partitioned_by_symbol() -> None:
    given_up = GivenUp("binance", "BTC-USDT", "trade", 60_000_000, 1_610_064_000_000_000, ORIGIN)
    prices = (Decimal(1), Decimal(1), Decimal(1), Decimal(1))
    live = Candle("binance", "BTC-USDT", "trade", 60_000_000, 1_610_064_000_000_000, *prices, *prices, 1, 1, 0, (1, 1, "1"), (1, 1, "1"))
    for event in (given_up, live):
        found = outputs.candle(event)
        assert (found.topic, found.partition) == (CANDLES, of_client(b"BTC-USDT"))
        assert found.key == b"binance|BTC-USDT|trade|60000000|1610064000000000"


def test_a_tally_goes_to_the_partition_numbered_as_the_raw_one() -> None:
    found = outputs.tally(Tally("market.raw.v1", 7, 9, 0, 1, []))
    assert (found.topic, found.partition) == (TICKS, 7)


def test_a_marker_goes_to_every_partition_of_every_derived_topic() -> None:
    found = outputs.markers(Marker("prices-1", "market.raw.v1", [0], "finished", origin=ORIGIN))
    assert {(output.topic.name, output.partition) for output in found} == {
        (topic.name, p) for topic in (TICKS, DEAD_LETTERS) for p in range(12)
    }
    assert all(header(output.headers, "ce_type") == b"tickplant.marker" for output in found)


def test_a_dead_letter_keeps_the_record_and_adds_why() -> None:
    record = live(42, MS, b"\xff\x00", headers=(("traceparent", b"00-1"),))._replace(partition=3)
    found = outputs.dead_letter(MARKET_RAW, record, one(Rejected("bad_price", "p '-1' is not above zero")), ORIGIN, "binance", MS * 1000)
    assert (found.topic, found.partition, found.key, found.value) == (DEAD_LETTERS, 3, b"binance|BTCUSDT", b"\xff\x00")
    assert list(found.headers) == [
        ("traceparent", b"00-1"),
        ("error_reason", b"bad_price"),
        ("error_message", b"p '-1' is not above zero"),
        ("error_source", b"binance"),
        ("received_at", b"2021-01-08T00:00:00Z"),
        ("origin", b"market.raw.v1/9/3/42/1"),
        ("attempts", b"1"),
    ]


def test_a_control_record_among_dead_letters_does_not_act_as_one() -> None:
    marker = control("marker", 1, MS, "file", b"{")
    found = outputs.dead_letter(MARKET_RAW, marker, one(Rejected("malformed", "…")), ORIGIN, "file", MS * 1000)
    assert header(found.headers, "ce_type") is None
    assert header(found.headers, "rejected_ce_type") == b"tickplant.marker"


def test_headers_of_the_record_do_not_stand_for_those_that_are_added() -> None:
    """Whoever reads the letter takes the first header of a name."""
    record = live(42, MS, b"{", headers=(("received_at", b"never"), ("origin", b"elsewhere"), ("ce_type", b"com.example.x")))
    found = outputs.dead_letter(MARKET_RAW, record, one(Rejected("malformed", "…")), ORIGIN, "binance", MS * 1000)
    assert list(found.headers)[:3] == [("rejected_received_at", b"never"), ("rejected_origin", b"elsewhere"), ("ce_type", b"com.example.x")]
    assert header(found.headers, "received_at") == b"2021-01-08T00:00:00Z"
    assert header(found.headers, "origin") == b"market.raw.v1/9/3/42/1"
