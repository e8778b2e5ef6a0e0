"""The venues: one file each, in the registry below.

Invariant: the registry holds exactly the files of this folder.
"""

from __future__ import annotations

from deploy.simulator.venue import Venue
from deploy.simulator.venues import binance, coinbase, coingecko, kraken

VENUES: dict[str, Venue] = {venue.name: venue for venue in (binance.VENUE, coinbase.VENUE, coingecko.VENUE, kraken.VENUE)}
