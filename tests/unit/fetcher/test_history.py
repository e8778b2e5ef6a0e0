"""What is asked of a provider, and where its key may go."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from pydantic import SecretStr

from services.fetcher.history import spans
from services.fetcher.history.access import access, same_place
from shared import exchange
from shared.errors import FileFault
from shared.runs import BackfillRequest, DailyRequest
from shared.settings import Keys, Polygon, Settings


def asked(first: str, last: str, *tickers: str) -> list[spans.Span]:
    return spans.daily(DailyRequest(list(tickers or ("AAPL",)), date.fromisoformat(first), date.fromisoformat(last)))


def test_two_hundred_sessions_before_the_first_day_are_asked_for_whatever_the_range() -> None:
    for first, last in (("2024-11-29", "2024-11-29"), ("2024-11-30", "2024-12-02"), ("2023-01-03", "2024-12-31")):
        (span,) = asked(first, last)
        begins = exchange.day_of(span.start)
        assert len(exchange.sessions(begins, date.fromisoformat(first) - timedelta(days=1))) == 200
        assert span.end == exchange.start_of(date.fromisoformat(last) + timedelta(days=1))


@pytest.mark.parametrize(("first", "last"), [("2025-03-01", "2025-03-01"), ("2025-01-09", "2025-01-09"), ("2025-03-01", "2025-03-02")])
def test_days_without_a_session_are_asked_for_alone(first: str, last: str) -> None:
    (span,) = asked(first, last)
    assert (exchange.day_of(span.start), exchange.day_of(span.end - 1)) == (date.fromisoformat(first), date.fromisoformat(last))


def test_a_ticker_given_twice_is_asked_for_once() -> None:
    assert [span.symbol for span in asked("2024-11-29", "2024-11-29", "aapl", "BRK.B", "AAPL")] == ["AAPL", "BRK.B"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (DailyRequest(["AAPL"], date(2024, 1, 2), date(2024, 1, 1)), "the first day 2024-01-02 is after the last one, 2024-01-01"),
        (DailyRequest([], date(2024, 1, 2), date(2024, 1, 2)), "a run takes 1 to 100 tickers, not 0"),
        (DailyRequest(["../x"], date(2024, 1, 2), date(2024, 1, 2)), "symbol '../x' is neither"),
    ],
)
def test_a_request_that_cannot_be_is_refused(request_: DailyRequest, message: str) -> None:
    with pytest.raises(FileFault, match=message):
        spans.daily(request_)


def test_a_backfill_is_its_span() -> None:
    assert spans.backfill(BackfillRequest("aapl", 5, 9)) == [spans.Span("AAPL", 5, 9)]
    with pytest.raises(FileFault):
        spans.backfill(BackfillRequest("AAPL", 9, 9))


@pytest.mark.parametrize(
    "url",
    [
        "https://api.polygon.io.evil.example/v2/x",
        "https://evil.example/v2/x?https://api.polygon.io",
        "http://api.polygon.io/v2/x",
        "https://api.polygon.io:8443/v2/x",
        "https://api.polygon.io@evil.example/v2/x",
        "https://user@api.polygon.io/v2/x",
        "//api.polygon.io/v2/x",
        "/v2/x",
        "https://[::1/",
        "",
    ],
)
def test_a_page_at_another_place_is_not_asked_for(url: str) -> None:
    assert same_place("https://api.polygon.io", "https://api.polygon.io/v2/aggs?cursor=x")
    assert not same_place("https://api.polygon.io", url)


def test_the_settings_say_where_and_how_often_and_with_which_key() -> None:
    settings = Settings(keys=Keys(polygon=SecretStr("k")), polygon=Polygon(requests_per_minute=7, page=100))
    found = access("polygon-daily", settings)
    assert (found.base, found.key, found.budget.requests, found.budget.seconds, found.page) == ("https://api.polygon.io", "k", 7, 60, 100)
    assert "k" not in repr(found).replace("key", "").replace("history", "").split("base")[1].split("budget")[0]
    with pytest.raises(FileFault, match="what is simulated ends in -sim"):
        access("polygon-daily-sim", settings)
    with pytest.raises(FileFault, match="kraken cannot be asked for its past"):
        access("kraken", settings)
    with pytest.raises(FileFault, match="what is simulated ends in -sim"):
        access("polygon", Settings(polygon=Polygon(simulated=True)))
