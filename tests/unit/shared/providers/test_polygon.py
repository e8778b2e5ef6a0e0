"""Answers of Polygon as the venue documents them: bars, pages, and what is wrong with one."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from shared.errors import Rejected
from shared.events import Bar
from shared.exchange import start_of
from shared.providers import HISTORY, PROVIDERS, polygon, provider_of
from shared.time import DAY, MINUTE

DOCUMENTED = b"""{"adjusted": true, "next_url": "https://api.polygon.io/v2/aggs/ticker/AAPL/range/1/day/1578114000000/2020-01-10?cursor=bGltaXQ9MiZzb3J0PWFzYw",
 "queryCount": 2, "request_id": "6a7e466379af0a71039d60cc78e72282", "results": [
 {"c": 75.0875, "h": 75.15, "l": 73.7975, "n": 1, "o": 74.06, "t": 1577941200000, "v": 135647456, "vw": 74.6099},
 {"c": 74.3575, "h": 75.145, "l": 74.125, "n": 1, "o": 74.2875, "t": 1578027600000, "v": 1.46535512e+08, "vw": 74.7026}],
 "resultsCount": 2, "status": "OK", "ticker": "AAPL"}"""
BASE = "https://api.polygon.io"


def answer(*results: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"status": "OK", "ticker": "AAPL", "adjusted": True, "results": results, **fields}).encode()


def result(**changed: Any) -> dict[str, Any]:
    return {"c": 75, "h": 76, "l": 74, "o": 74.5, "t": 1577941200000, "v": 100, "vw": 75, "n": 3} | changed


def test_the_documented_answer_is_two_days() -> None:
    first, second = polygon.DAYS.parse(DOCUMENTED)
    prices = (Decimal("74.06"), Decimal("75.15"), Decimal("73.7975"), Decimal("75.0875"), Decimal(135647456), Decimal("74.6099"))
    assert first == Bar("AAPL", "AAPL", 1_577_941_200_000_000, DAY, *prices, 1, adjusted=True)
    assert isinstance(second, Bar)
    assert (second.event_time, str(second.volume)) == (start_of(date(2020, 1, 3)), "146535512")
    assert polygon.DAYS.following("", DOCUMENTED) == json.loads(DOCUMENTED)["next_url"]


def test_an_answer_without_results_has_no_bars_and_is_the_last_page() -> None:
    empty = b'{"ticker":"AAPL","queryCount":0,"resultsCount":0,"adjusted":true,"status":"OK","request_id":"8f","count":0}'
    assert polygon.DAYS.parse(empty) == []
    assert polygon.DAYS.following("", empty) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"o": None}, "missing_field"),
        ({"v": None}, "missing_field"),
        ({"c": 0}, "bad_price"),
        ({"c": -1}, "bad_price"),
        ({"h": 74.7}, "bad_price"),
        ({"l": 74.6}, "bad_price"),
        ({"v": -1}, "bad_size"),
        ({"t": 1577941200}, "bad_timestamp"),
        ({"c": "x"}, "malformed"),
        ({"c": {"value": None}}, "malformed"),
        ({"v": 1e300}, "bad_size"),
    ],
)
def test_a_bar_that_is_wrong_is_rejected_and_the_others_are_not(changed: dict[str, Any], reason: str) -> None:
    good, bad, other = polygon.DAYS.parse(answer(result(), result(**changed), result(t=1578027600000)))
    assert isinstance(good, Bar)
    assert isinstance(other, Bar)
    assert isinstance(bad, Rejected)
    assert bad.reason == reason


@pytest.mark.parametrize("payload", [b"", b'{"status":"ERROR","error":"x"}', DOCUMENTED[:300], b"<html>", b"\xff", b'{"results":[]}'])
def test_what_is_no_answer_is_rejected_whole(payload: bytes) -> None:
    for ask in (polygon.DAYS.parse, lambda given: polygon.DAYS.following("", given)):
        with pytest.raises(Rejected):
            ask(payload)
    assert polygon.native_symbol(payload) == ""


def test_a_frame_of_the_stream_is_no_page() -> None:
    with pytest.raises(Rejected):
        polygon.DAYS.following("", b"[]")


def test_days_are_asked_for_by_their_dates_and_minutes_by_their_moments() -> None:
    start, end = start_of(date(2024, 3, 8)), start_of(date(2024, 3, 12))
    assert polygon.DAYS.first(BASE, "BRK-B", start, end, 250) == (
        "https://api.polygon.io/v2/aggs/ticker/BRK.B/range/1/day/2024-03-08/2024-03-11?adjusted=true&sort=asc&limit=250"
    )
    assert polygon.MINUTES.first(BASE, "AAPL", start + 1, end, 50_000) == (
        f"{BASE}/v2/aggs/ticker/AAPL/range/1/minute/{start // 1000 + 1}/{end // 1000 - 1}?adjusted=true&sort=asc&limit=50000"
    )


def test_the_key_is_a_header() -> None:
    assert polygon.MINUTES.authorized("k", BASE) == {"Authorization": "Bearer k"}
    assert polygon.MINUTES.authorized("", BASE) == {}
    assert HISTORY["polygon"].authorized("k", BASE) == {"Authorization": "Bearer k"}


@pytest.mark.parametrize(
    ("source", "interval"), [("polygon", MINUTE), ("polygon-sim", MINUTE), ("polygon-daily", DAY), ("polygon-daily-sim", DAY)]
)
def test_a_source_s_name_says_how_long_its_bars_are(source: str, interval: int) -> None:
    (bar,) = provider_of(source).parse(answer(result()))
    assert isinstance(bar, Bar)
    assert bar.interval == interval
    assert PROVIDERS["polygon"].native_symbol(answer(result())) == "AAPL"
