"""The venues: one file each, in the registry below.

Invariant: the registry holds exactly the files of this folder.
"""

from __future__ import annotations

from deploy.simulator.venue import Venue
from deploy.simulator.venues import binance, coinbase, coincap, coingecko, coinpaprika, kraken, polygon

VENUES: dict[str, Venue] = {
    module.VENUE.name: module.VENUE for module in (binance, coinbase, coincap, coingecko, coinpaprika, kraken, polygon)
}
