"""Who listens to what: connections, their streams, and the frames that go to them.

Invariant: a client gets exactly the frames that the log says it was sent, in the order of the log but for those held back.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from deploy.simulator.client import Client
from deploy.simulator.fates import Plan, plan
from deploy.simulator.frames import frame
from deploy.simulator.injector import Hit
from deploy.simulator.log import Log
from deploy.simulator.market import Market, Trade
from deploy.simulator.venue import Feed, Stream

STUCK_SECONDS = 30.0
POURED = 4096


class _Held(NamedTuple):
    until: int
    order: int
    client: Client
    channel: str
    market: Market
    trade_id: int
    data: bytes


class Hub:
    """The clients of all venues."""

    def __init__(self, log: Log, buffer_bytes: int, clock: Callable[[], int]) -> None:
        self._log, self._limit, self._clock = log, buffer_bytes, clock
        self.clients: dict[int, Client] = {}
        self.fates: Counter[str] = Counter()
        self._streams: dict[tuple[str, str], dict[str, list[Client]]] = {}
        self._dirty: dict[int, Client] = {}
        self._held: list[_Held] = []
        self._order = 0
        self._resumed = asyncio.Event()

    def attach(self, client: Client) -> None:
        """A connection has been accepted."""
        self.clients[client.number] = client
        self._log.note("connection", client.venue.name, connection=client.number, event="opened", at=client.opened_at)

    def detach(self, client: Client, reason: str) -> None:
        """A connection has ended, or is about to: nothing more is sent to it. Of several reasons the first is told."""
        if self.clients.pop(client.number, None) is None:
            return
        client.closed = reason
        self._leave(client, client.joined)
        self._dirty.pop(client.number, None)
        self._resumed.set()
        end = {"event": "closed", "reason": reason, "sent": client.sent, "unsent": len(client.outbox)}
        self._log.note("connection", client.venue.name, "", connection=client.number, **end, at=self._clock())

    def join(self, client: Client) -> None:
        """Makes the client hear exactly its session's streams, and logs the past trades that it has been shown."""
        for market, trade in client.session.shown:
            self._log.note("frame", market.venue, market.native, connection=client.number, id=trade.id, fate="snapshot")
        client.session.shown.clear()
        wanted = client.session.streams
        if wanted == client.joined:
            return
        self._leave(client, client.joined - wanted)
        for stream in sorted(wanted - client.joined):
            # Channels without frames of trades (heartbeats) are the venue's own affair.
            self._streams.setdefault((client.venue.name, stream.symbol), {}).setdefault(stream.channel, []).append(client)
        client.joined = set(wanted)
        names = sorted(f"{stream.channel}:{stream.symbol}" for stream in wanted)
        self._log.note("connection", client.venue.name, connection=client.number, event="subscribed", streams=names, at=self._clock())

    def say(self, client: Client, payloads: Iterable[bytes]) -> None:
        """Sends control frames."""
        for payload in payloads:
            client.send(payload)
        self._dirty[client.number] = client

    def deliver(self, feed: Feed, market: Market, trade: Trade, hit: Hit | None, now: int) -> list[bytes]:
        """Sends the frames of a trade to those who listen; what the log says of each frame that carries it."""
        notes: list[bytes] = []
        for channel, clients in self._streams.get((market.venue, market.native), {}).items():
            if not clients or channel not in feed.encoders:
                continue
            carries, payload = channel in feed.trades, feed.encoders[channel](market, trade)
            found = plan(payload, hit, now, carries_trade=carries) if hit else Plan(frame(payload), "sent")
            self.fates[found.fate] += len(clients)
            for client in clients:
                if found.data:
                    client.outbox.append(found.data)
                    self._dirty[client.number] = client
                if found.until:
                    self._hold(client, channel, market, trade, found)
                if carries:
                    notes.append(client.note(channel, found.fate))
        return notes

    def release(self, now: int) -> None:
        """Sends the held frames whose time has come."""
        while self._held and self._held[0].until <= now:
            held = heapq.heappop(self._held)
            client, fate = held.client, "lost" if held.client.closed else "released"
            if not client.closed:
                client.outbox.append(held.data)
                self._dirty[client.number] = client
            place = (held.market.venue, held.market.native)
            self._log.note("frame", *place, connection=client.number, channel=held.channel, id=held.trade_id, fate=fate, at=now)

    @property
    def next_release(self) -> int | None:
        """When the next held frame is due."""
        return self._held[0].until if self._held else None

    def flush(self) -> None:
        """Writes every outbox, and disconnects those who do not keep up."""
        dirty, self._dirty = self._dirty, {}
        for client in dirty.values():
            if not client.corked and client.flush() > self._limit:
                self.drop(client, "slow")

    def drop(self, client: Client, reason: str) -> None:
        """Disconnects without a word."""
        self.detach(client, reason)
        client.wire.abort()

    def close(self, client: Client, code: int, reason: str) -> None:
        """Disconnects with a close frame, after all that has been written."""
        self.detach(client, reason)
        client.wire.close(code, reason)

    async def writable(self, venues: Collection[str]) -> None:
        """Waits until every client of the venues takes more; one that takes nothing for half a minute is disconnected."""
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                while any(client.paused for client in self._of(venues)):
                    self._resumed.clear()
                    await self._resumed.wait()
        except TimeoutError:
            for client in [client for client in self._of(venues) if client.paused]:
                self.drop(client, "slow")

    def cork(self, venues: Collection[str]) -> None:
        """Lets the frames of these venues' clients pile up until they are poured."""
        for client in self._of(venues):
            client.corked = True

    async def pour(self, venues: Collection[str]) -> None:
        """Sends what has piled up, as fast as each client reads."""
        while waiting := [client for client in self._of(venues) if client.corked]:
            for client in waiting:
                client.pour(POURED)
                client.corked = bool(client.outbox)
            await asyncio.sleep(0)
            await self.writable(venues)

    def resumed(self) -> None:
        """A client takes more."""
        self._resumed.set()

    def _of(self, venues: Collection[str]) -> Iterator[Client]:
        return (client for client in self.clients.values() if client.venue.name in venues)

    def _hold(self, client: Client, channel: str, market: Market, trade: Trade, found: Plan) -> None:
        self._order += 1
        heapq.heappush(self._held, _Held(found.until, self._order, client, channel, market, trade.id, found.later))

    def _leave(self, client: Client, streams: Iterable[Stream]) -> None:
        for stream in streams:
            self._streams[client.venue.name, stream.symbol][stream.channel].remove(client)
