"""Simulated markets with a few trades, for the tests of the venues' protocols."""

from __future__ import annotations

from deploy.simulator.limits import SECOND
from deploy.simulator.market import Market, listing
from deploy.simulator.venues import VENUES

NOW = 1_700_000_000_123_456


def market(venue: str, symbol: str = "BTC-USD", count: int = 5, seed: int = 1) -> Market:
    found = Market(seed, venue, listing(symbol), VENUES[venue].native(symbol), precision=VENUES[venue].precision)
    for number in range(count):
        found.issue(NOW + number * SECOND)
    return found


def book(venue: str) -> dict[str, Market]:
    return {found.native: found for found in (market(venue, symbol) for symbol in ("BTC-USD", "ETH-USD"))}
