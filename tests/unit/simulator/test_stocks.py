"""The simulated past of stocks: the same whoever asks, on real trading days, minutes that sum up to their day."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.simulator import stocks
from deploy.simulator.venue import Request
from deploy.simulator.venues.polygon import VENUE
from shared.errors import Rejected
from shared.events import Bar
from shared.providers import polygon

sessions = st.sampled_from([day for day in stocks.days() if day < date(2026, 1, 1)])
NOW = 1_790_000_000_000_000


def ask(path: str, **query: str) -> bytes:
    answer = VENUE.answer(Request(path, query, {"host": "h:1"}, NOW, 1), {})
    assert answer.status == 200, answer.body
    return answer.body


def bars(payload: bytes) -> list[Bar]:
    return [bar for bar in polygon.DAYS.parse(payload) if not isinstance(bar, Rejected) and isinstance(bar, Bar)]


@settings(max_examples=25, deadline=None)
@given(sessions, st.integers(1, 3), st.sampled_from(["AAPL", "MSFT"]))
def test_the_minutes_of_a_day_sum_up_to_its_bar(day: date, seed: int, ticker: str) -> None:
    (whole,) = stocks.daily(seed, ticker, day, day)
    minutes = stocks.minutes(seed, ticker, day)
    assert len(minutes) == stocks.minutes_of(day)
    assert (minutes[0].open, minutes[-1].close) == (whole.open, whole.close)
    assert (max(bar.high for bar in minutes), min(bar.low for bar in minutes)) == (whole.high, whole.low)
    assert (sum(bar.volume for bar in minutes), sum(bar.trades for bar in minutes)) == (whole.volume, whole.trades)


def test_days_without_a_session_have_no_bars() -> None:
    for day in (date(2025, 1, 9), date(2025, 3, 1), date(2024, 11, 28)):
        assert stocks.daily(1, "AAPL", day, day) == stocks.minutes(1, "AAPL", day) == []
    assert len(stocks.minutes(1, "AAPL", date(2024, 11, 29))) == 210


@settings(max_examples=25, deadline=None)
@given(sessions, st.integers(1, 40), st.integers(1, 15))
def test_pages_of_any_size_have_the_same_bars(first: date, length: int, limit: int) -> None:
    at = stocks.days().index(first)
    wanted = stocks.days()[at : at + length]
    base = f"/v2/aggs/ticker/AAPL/range/1/day/{first}/{wanted[-1]}"
    whole = bars(ask(base, limit="50000"))
    found: list[Bar] = []
    path, query = base, {"limit": str(limit)}
    while True:
        payload = ask(path, **query)
        found += bars(payload)
        following = polygon.DAYS.following("", payload)
        if following is None:
            break
        path, _, cursor = following.removeprefix("http://h:1/polygon").partition("?cursor=")
        query = {"cursor": cursor}
    assert found == whole
    assert [datetime.fromtimestamp(bar.event_time / 1e6, stocks.ZONE).date() for bar in whole] == wanted


def test_a_bar_appears_when_its_session_has_ended() -> None:
    close = stocks.at_new_york(date(2024, 11, 29), datetime.min.time().replace(hour=13)) * 1000
    path = "/v2/aggs/ticker/AAPL/range/1/day/2024-11-29/2024-11-29"
    for now, count in ((close - 1000, 0), (close, 1)):
        answer = VENUE.answer(Request(path, {}, {"host": "h"}, now, 1), {})
        assert len(bars(answer.body)) == count


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/v2/aggs/ticker/AAPL/range/1/day/2024-13-01/2024-11-29", {}, 400),
        ("/v2/aggs/ticker/AAPL/range/1/day/2024-11-30/2024-11-29", {}, 400),
        ("/v2/aggs/ticker/AAPL/range/1/day/2024-11-29/2024-11-29", {"cursor": "?"}, 400),
        ("/v2/aggs/ticker/AAPL/range/1/day/2024-11-29/2024-11-29", {"limit": "x"}, 400),
        ("/v3/trades/AAPL", {}, 404),
    ],
)
def test_what_cannot_be_answered_is_told(path: str, query: dict[str, str], status: int) -> None:
    assert VENUE.answer(Request(path, query, {}, NOW, 1), {}).status == status


def test_a_ticker_that_is_not_listed_has_no_bars_and_prices_are_exact() -> None:
    assert bars(ask("/v2/aggs/ticker/ZZZZ/range/1/day/2024-11-25/2024-11-29")) == []
    (bar,) = bars(ask("/v2/aggs/ticker/AAPL/range/1/day/2024-11-29/2024-11-29"))
    (made,) = stocks.daily(1, "AAPL", date(2024, 11, 29), date(2024, 11, 29))
    assert (bar.open, bar.close, bar.volume, bar.vwap) == (
        Decimal(made.open) / 100, Decimal(made.close) / 100, Decimal(made.volume), Decimal(made.vwap) / 10_000
    )  # fmt: skip
