"""The simulated Binance as a measured source: it trades when asked, and knows how many trades it has issued.

Invariant: nothing is issued that was not asked for, and every frame is a trade.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from bench.faults import Fault
from bench.session import Session
from deploy.local.ports import HOST, free_ports
from deploy.local.service import readiness

SOURCE = "binance-sim"
SYMBOLS = tuple(f"S{number:02d}-USDT" for number in range(20))
START_SECONDS = 30


class Venue:
    """A running simulator; `sources` is what a fetcher is told of it."""

    def __init__(self, session: Session, symbols: Sequence[str] = SYMBOLS) -> None:
        (self._port,) = free_ports(1)
        self._symbols = symbols
        names = ",".join(symbols)
        variables = {"SIMULATOR__PORT": str(self._port), "SIMULATOR__RATE": "0", "SIMULATOR__SYMBOLS": names, "SIMULATOR__RING": "1000"}
        self.process = session.start("venue", sys.executable, "-m", "deploy.simulator", **variables)
        self.sources = json.dumps(
            [
                {
                    "name": SOURCE,
                    "provider": "binance",
                    "symbols": symbols,
                    "channels": ["trade"],
                    "base_url": f"ws://{HOST}:{self._port}/binance",
                }
            ]
        )
        self._until(lambda: readiness(self._port) is None, "not ready")

    def listened(self) -> None:
        """Until somebody has subscribed to every market."""
        self._until(
            lambda: any(len(c["streams"]) == len(self._symbols) for c in self._ask("GET", "stats")["connections"]), "nobody listens"
        )
        self._before = self._issued()  # a market opens with a trade

    def burst(self, count: int) -> None:
        """Sends that many trades as fast as they are read, all made before the first is sent."""
        self._ask("POST", "burst", venue="binance", count=count, ahead="true")

    def trade(self, rate: float, seconds: float, look: Callable[[float], None] = lambda _: None) -> int:
        """Trades at a steady rate over all symbols for that long; returns how many there were since somebody listened.

        Four times a second `look` is told what part of the time has passed.
        """
        self._ask("POST", "rate", venue="binance", rate=rate / len(self._symbols))
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            look(passed / seconds)
            time.sleep(0.25)
        look(1.0)
        self._ask("POST", "stop")
        return self._issued() - self._before

    def _issued(self) -> int:
        return sum(market["issued"] for market in self._ask("GET", "stats")["markets"] if market["venue"] == "binance")

    def _ask(self, method: str, what: str, **query: str | float) -> Any:
        answer = httpx.request(method, f"http://{HOST}:{self._port}/_control/{what}", params=query, timeout=120)
        if answer.is_error:
            raise Fault(f"the venue: {answer.text}")
        return answer.json()

    def _until(self, reached: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not reached():
            if time.monotonic() > deadline or not self.process.running:
                self.process.kill()
                raise Fault(f"the venue: {otherwise}: {self.process.output[-1500:]}")
            time.sleep(0.05)
