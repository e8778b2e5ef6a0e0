"""Which live sources a stack starts with: the venues where the internet answers, the simulated exchange where it does not.

Invariant: what is simulated says so, its sources end in `-sim`; sources that the user has set are left alone.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from deploy.local.ports import HOST
from deploy.local.settings import LocalSettings

VENUE = ("api.binance.com", 443)
ANSWER_SECONDS = 1.5
STOCK_REQUESTS = 6000  # a minute: nobody waits for a simulated budget
# provider, symbols, what is streamed (nothing: it is polled), the scheme and path of its simulated address
STREAMS = (
    ("binance", ("BTC-USDT", "ETH-USDT", "SOL-USDT"), ("trade", "bookTicker"), "ws"),
    ("coinbase", ("BTC-USD", "ETH-USD", "SOL-USD"), ("matches", "ticker"), "ws"),
    ("kraken", ("BTC-USD", "ETH-USD", "SOL-USD"), ("trade", "ticker"), "ws"),
    ("coingecko", ("BTC-USD", "ETH-USD", "SOL-USD"), (), "http"),
)


def simulated(settings: LocalSettings) -> bool:
    """Whether the simulated exchange is the source; asks the internet unless the settings say."""
    if settings.sources is not None or settings.simulator == "off":
        return False
    return settings.simulator == "on" or not internet_answers()


def internet_answers() -> bool:
    """Whether a venue can be reached."""
    try:
        socket.create_connection(VENUE, timeout=ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def sources(simulator_port: int | None) -> str:
    """FETCHER__SOURCES for the venues, or for the simulated exchange on that port."""
    found: list[dict[str, Any]] = []
    for provider, symbols, channels, scheme in STREAMS:
        source: dict[str, Any] = {"name": provider, "provider": provider, "symbols": symbols, "channels": channels}
        if simulator_port is not None:
            address = f"{HOST}:{simulator_port}/{provider}"
            source |= {"name": f"{provider}-sim", "base_url": f"{scheme}://{address}", "interval_seconds": 5}
            source |= {"rest_url": f"http://{address}"} if channels else {}
        found.append(source)
    return json.dumps(found)


def snapshots(simulator_port: int) -> str:
    """SNAPSHOTS__SOURCES for the simulated exchange on that port, in the order of the venues' own."""
    paths = {"coincap": "coincap/v2"}
    return json.dumps(
        [
            {"name": f"{provider}-sim", "provider": provider, "base_url": f"http://{HOST}:{simulator_port}/{paths.get(provider, provider)}"}
            for provider in ("coingecko", "coincap", "coinpaprika", "binance", "coinbase")
        ]
    )


def stocks(simulator_port: int) -> dict[str, str]:
    """The settings that make the simulated exchange the provider of stock bars; operators' commands have them too."""
    base = f"http://{HOST}:{simulator_port}/polygon"
    return {"POLYGON__BASE_URL": base, "POLYGON__SIMULATED": "true", "POLYGON__REQUESTS_PER_MINUTE": str(STOCK_REQUESTS)}
