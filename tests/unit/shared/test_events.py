"""The wire: JSON with exact decimals as strings, tags that tell the types apart, unknown fields ignored."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from shared.events import Candle, CandleRecord, Count, GivenUp, IndexPrice, Marker, Origin, Quote, Tally, TickRecord, Trade, tick_id

AT = 1_610_064_000_278_901
GREATEST = Decimal("999999999999999999.999999999999999999")
TRADE = Trade(
    "BTC-USDT", "BTCUSDT", AT, GREATEST, Decimal("1E-18"), "buy", "7", 7, "binance", AT + 1, Origin(9, 3, 42, 1), True, "prices-1"
)
QUOTE = Quote("X", "X", AT, Decimal("1.10"), Decimal(2), None, Decimal(0), "q", 5, "s", AT, Origin(9, 3, 42))
INDEX = IndexPrice("X", "X", AT, Decimal("1.10"), "i", 0, "s", AT)
_FOUR = (GREATEST, GREATEST, GREATEST, GREATEST)
CANDLE = Candle("s", "X", "trade", 60, 0, *_FOUR, *_FOUR, 2, 2, 1, (1, 2, "a"), (3, 4, "b"), True, True, Origin(9, 3, 42))
ticks: msgspec.json.Decoder[TickRecord] = msgspec.json.Decoder(TickRecord)
candles: msgspec.json.Decoder[CandleRecord] = msgspec.json.Decoder(CandleRecord)


@pytest.mark.parametrize(
    "event",
    [
        TRADE,
        QUOTE,
        INDEX,
        Marker("r", "market.raw.v1", [0, 11], "aborted", "s", 9, "why", Origin(1, 2, 3), 4),
        Tally("market.raw.v1", 3, 9, 1, 5000, [Count("s", "", 0, 3, 2, 1)], (5, 9)),
    ],
)
def test_every_event_of_the_ticks_topic_survives_the_wire(event: TickRecord) -> None:
    found = ticks.decode(msgspec.json.encode(event))
    assert (type(found), found) == (type(event), event)


@pytest.mark.parametrize("event", [CANDLE, GivenUp("s", "X", "quote", 60, 0, Origin(9, 3, 42))])
def test_every_event_of_the_candles_topic_survives_the_wire(event: CandleRecord) -> None:
    assert candles.decode(msgspec.json.encode(event)) == event


def test_money_is_a_string_of_all_its_digits() -> None:
    sent = msgspec.json.decode(msgspec.json.encode(TRADE))
    assert (sent["price"], sent["kind"]) == ("999999999999999999.999999999999999999", "trade")


def test_a_field_of_a_later_version_is_ignored() -> None:
    later = msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(TRADE)) | {"venue_flags": ["x"]})
    assert ticks.decode(later) == TRADE


def test_the_identity_of_a_tick_is_the_id_of_its_kind() -> None:
    assert [tick_id(tick) for tick in (TRADE, QUOTE, INDEX)] == ["7", "q", "i"]


def test_origins_are_ordered_as_the_log_is() -> None:
    assert Origin(1, 0, 9, 5) < Origin(1, 0, 10, 0) < Origin(2, 0, 0, 0)
    assert str(Origin(9, 3, 42, 1)) == "9/3/42/1"
