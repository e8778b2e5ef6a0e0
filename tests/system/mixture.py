"""Records of every kind: live trades with late, doubled and poisonous ones, silent sources, corrected orders, operational events.

Invariant: seeded; the live part comes with the truth about it.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from deploy.simulator import orderflow
from shared import runs
from shared.settings import Kafka
from shared.time import SECOND
from tests.fixtures import operations
from tests.fixtures.runs import ask, requested
from tests.system.feed import START, Feed
from tests.system.market_history import History, generate


class Mixture:
    """`trades` live trades and a tenth as many other rows; `folder` takes the files."""

    def __init__(self, trades: int, folder: Path, seed: int = 5) -> None:
        self.history: History = generate(seed, trades, 12, START)
        self.feed = Feed("binance")
        self._silent = Feed("kraken")
        folder.mkdir(exist_ok=True)
        paths = orderflow.write(folder, orderflow.generate(seed, max(40, trades // 100)))
        events = folder / "events.jsonl"
        events.write_text("\n".join(map(json.dumps, operations.generate(max(100, trades // 40)))) + "\n")
        self.runs = [
            requested("orders", runs.OrdersRequest(str(paths["orders"]), str(paths["trades"]), str(paths["nbbo"])), source="orders"),
            requested("events", runs.EventsRequest(str(events)), source="events"),
        ]

    def publish(self, kafka: Kafka, share: tuple[int, int]) -> None:
        """One part of so many of the live records; the first part asks for the files too."""
        part, parts = share
        if part == 0:
            asyncio.run(ask(kafka, *self.runs))
            self._silent.frame("XBTUSD", b'{"channel":"trade","type":"update","data":[]}', START)
            self._silent.heartbeat(START + SECOND)
            self._silent.publish(kafka)
        frames, beat = self.history.frames, 0
        for symbol, payload, received in frames[len(frames) * part // parts : len(frames) * (part + 1) // parts]:
            self.feed.frame(symbol, payload, received)
            if received - beat >= SECOND:
                beat = received
                self.feed.heartbeat(received)
        if part + 1 == parts:
            for second in range(1, 80):
                self.feed.heartbeat(frames[-1][2] + second * SECOND)
        self.feed.publish(kafka)

    def stored(self, query: Any) -> bool:
        """Whether everything has come to rest in the store: candles closed, runs ended, nothing left to publish."""
        total = len(self.history.candles)
        closed = "SELECT count(*) FILTER (WHERE is_closed), count(*) FROM candles"
        ended = "SELECT count(*) FROM runs WHERE status = 'finished'"
        waiting = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outputs WHERE written_at IS NULL)"
        return tuple(query(closed)[0]) == (total, total) and query(ended)[0][0] == len(self.runs) and query(waiting)[0][0] == 0
