"""Polygon's stream: events as the venue sends them, to values; what is none, and why."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events import Bar, Quote, Trade
from shared.providers import LOGINS, PROVIDERS, STREAMING
from shared.providers.polygon_stream import logged_in
from shared.time import MINUTE

parse = PROVIDERS["polygon"].parse
BAR = (
    b'{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"a":0.4352,"z":685,'
    b'"s":1610144640000,"e":1610144700000}'
)
TRADE = b'{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328}'
QUOTE = (
    b'{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],'
    b'"t":1536036818784,"q":50385480,"z":3}'
)
STATUS = b'[{"ev":"status","status":"auth_success","message":"authenticated"}]'


def array(*events: bytes) -> bytes:
    return b"[" + b",".join(events) + b"]"


def reasons(payload: bytes) -> list[str]:
    return [value.reason for value in parse(payload) if isinstance(value, Rejected)]


def test_a_bar_a_trade_and_a_quote_of_one_frame() -> None:
    assert list(parse(array(BAR, TRADE, QUOTE))) == [
        Bar(
            *("GTE", "GTE", 1610144640000000, MINUTE),
            *(Decimal("0.4488"), Decimal("0.4489"), Decimal("0.4486"), Decimal("0.4486"), Decimal(4110), Decimal("0.4488")),
        ),
        Trade("MSFT", "MSFT", 1536036818784000, Decimal("114.125"), Decimal(100), None, "4-12345", 3681328),
        Quote("MSFT", "MSFT", 1536036818784000, Decimal("114.125"), Decimal("114.128"), Decimal(100), Decimal(160), sequence=50385480),
    ]


def test_the_facility_that_reports_a_trade_is_part_of_its_id() -> None:
    [trade] = parse(array(TRADE.replace(b'"x":4', b'"x":4,"trfi":201')))
    assert isinstance(trade, Trade)
    assert trade.trade_id == "4-201-12345"


def test_status_and_other_kinds_of_events_give_nothing() -> None:
    assert list(parse(STATUS)) == []
    [trade] = parse(array(b'{"ev":"A","sym":"MSFT"}', TRADE, b'{"ev":"LULD","T":"MSFT"}'))
    assert isinstance(trade, Trade)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (b'{"ev":"XT","pair":"BTC-USD"}', "unknown_type"),
        (b"{}", "unknown_type"),
        (b"1", "malformed"),
        (TRADE.replace(b'"p":114.125,', b""), "malformed"),
        (TRADE.replace(b"114.125", b"0"), "bad_price"),
        (TRADE.replace(b"114.125", b"-1"), "bad_price"),
        (TRADE.replace(b"114.125", b"1e40"), "bad_price"),
        (TRADE.replace(b"114.125", b"1.0000000000000000001"), "bad_price"),
        (TRADE.replace(b'"s":100', b'"s":0'), "bad_size"),
        (TRADE.replace(b"1536036818784", b"1536036818"), "bad_timestamp"),
        (QUOTE.replace(b"114.128", b"0"), "bad_price"),
        (QUOTE.replace(b'"bs":100', b'"bs":-1'), "bad_size"),
        (BAR.replace(b'"l":0.4486', b'"l":0.4487'), "bad_price"),
        (BAR.replace(b'"h":0.4489', b'"h":0.4487'), "bad_price"),
        (BAR.replace(b'"v":4110', b'"v":-1'), "bad_size"),
        (TRADE.replace(b'"MSFT"', b'"?"'), "unknown_symbol"),
    ],
)
def test_one_bad_event_does_not_take_its_frame_along(event: bytes, reason: str) -> None:
    assert reasons(array(TRADE, event, BAR)) == [reason]
    assert len(list(parse(array(TRADE, event, BAR)))) == 3


def test_what_is_no_array_is_rejected_whole() -> None:
    for payload in (b"[", b'[{"ev":"T"', b"[\xff]"):
        with pytest.raises(Rejected):
            list(parse(payload))


def test_large_volumes_and_many_digits_are_taken_as_they_are() -> None:
    [bar] = parse(array(BAR.replace(b'"v":4110', b'"v":7.0790813e+07').replace(b'"vw":0.4488', b'"vw":0.448800000000000001')))
    assert isinstance(bar, Bar)
    assert (bar.volume, bar.vwap) == (Decimal(70790813), Decimal("0.448800000000000001"))


@given(st.lists(st.sampled_from((BAR, TRADE, QUOTE, b'{"ev":"A"}', b"{}", b"null")), max_size=20))
def test_the_events_of_a_frame_are_those_of_frames_of_one(events: list[bytes]) -> None:
    apart = [value for event in events for value in parse(array(event))]
    assert [str(value) for value in parse(array(*events))] == [str(value) for value in apart]


@given(st.binary(max_size=60), st.integers(0, 200))
def test_nothing_but_a_rejection_is_raised(junk: bytes, at: int) -> None:
    payload = array(TRADE)
    for given_payload in (b"[" + junk, payload[:at] + junk + payload[at:]):
        with suppress(Rejected):
            list(parse(given_payload))


def test_hundreds_of_tickers_are_asked_for_in_a_few_frames_and_the_key_is_said_apart() -> None:
    opening = STREAMING["polygon"].stream("ws://venue", [f"T{n}" for n in range(600)], ["AM", "T"])
    asked = [param for frame in opening.frames for param in msgspec.json.decode(frame)["params"].split(",")]
    assert len(opening.frames) == 3
    assert asked == [f"{channel}.T{n}" for channel in ("AM", "T") for n in range(600)]
    assert msgspec.json.decode(LOGINS["polygon"].login("k")) == {"action": "auth", "params": "k"}
    assert "k" not in opening.url


def test_a_key_is_good_refused_or_not_spoken_of_yet() -> None:
    assert logged_in(STATUS)
    assert not logged_in(b'[{"ev":"status","status":"connected","message":"Connected Successfully"}]')
    with pytest.raises(Rejected, match="auth_failed"):
        logged_in(b'[{"ev":"status","status":"auth_failed","message":"authentication failed"}]')
