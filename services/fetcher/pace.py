"""How far a file may run ahead of those who read it: a topic's retention is bounded by size, so what nobody has read yet must fit in it.

A live source cannot wait, a file can: back-pressure from the store's writer reaches the file here, over all stages between them.
"""

import asyncio
from collections.abc import Collection

from shared.backoff import delay
from shared.bus.lag import Lag
from shared.errors import Unavailable
from shared.settings import Kafka
from shared.telemetry.logs import log
from shared.topics import EVENTS_OF, Topic

POLL_SECONDS = 0.2


class Pace:
    """Of one run. `hold` says who is too far behind; empty when the run may go on."""

    def __init__(self, kafka: Kafka, most_behind: int) -> None:
        self._kafka, self._most = kafka, most_behind
        self._lag: Lag | None = None

    async def hold(self, topic: Topic, partitions: Collection[int]) -> str:
        """`the transformer is 120,000 records behind in market.raw.v1`; of the raw topic and the partitions that the run uses."""
        if not self._most:
            return ""
        try:
            lag = await self._connected()
            raw = await lag.behind("transformer", topic)
            stored = await lag.behind("postgres", EVENTS_OF[topic.name])
        except Unavailable as fault:
            await self.close()
            await asyncio.sleep(delay(1))
            return f"positions are not known: {fault}"
        for who, where, behind in (
            ("transformer", topic, max((raw[number] for number in partitions), default=0)),
            ("writer", EVENTS_OF[topic.name], max(stored.values())),
        ):
            if behind > self._most:
                return f"the {who} is {behind:,} records behind in {where.name}"
        return ""

    async def close(self) -> None:
        """Closes the connections."""
        lag, self._lag = self._lag, None
        if lag is not None:
            await lag.__aexit__(None, None, None)

    async def _connected(self) -> Lag:
        if self._lag is None:
            self._lag = await Lag(self._kafka).__aenter__()
            log().debug("pacing", most_behind=self._most)
        return self._lag
