"""What a request for the past asks of a provider: for each symbol a span of time. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from shared import exchange, symbols
from shared.errors import FileFault, Rejected
from shared.phases import LONG
from shared.runs import BackfillRequest, DailyRequest

MOST_TICKERS = 100


class Span(NamedTuple):
    """[start, end) of a canonical symbol, us."""

    symbol: str
    start: int
    end: int


def daily(request: DailyRequest) -> list[Span]:
    """The days asked for and the sessions before them that a phase needs; without a session among them, the days alone."""
    if request.start > request.end:
        raise FileFault(f"the first day {request.start} is after the last one, {request.end}")
    if not 0 < len(request.tickers) <= MOST_TICKERS:
        raise FileFault(f"a run takes 1 to {MOST_TICKERS} tickers, not {len(request.tickers)}")
    first = request.start
    if exchange.sessions(request.start, request.end):
        first = exchange.sessions_before(request.start, LONG)[0]
    span = exchange.start_of(first), exchange.start_of(request.end + timedelta(days=1))
    return [Span(ticker, *span) for ticker in canonical(request.tickers)]


def backfill(request: BackfillRequest) -> list[Span]:
    """The span itself."""
    if request.start >= request.end:
        raise FileFault("the span ends before it begins")
    (symbol,) = canonical([request.symbol])
    return [Span(symbol, request.start, request.end)]


def canonical(given: Sequence[str]) -> list[str]:
    """Canonical symbols, each once; raises `FileFault`."""
    try:
        return list(dict.fromkeys(map(symbols.canonical, given)))
    except Rejected as fault:
        raise FileFault(fault.message) from None
