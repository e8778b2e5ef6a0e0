"""The simulated exchange: every venue's markets, the loop that lets them trade, and what is known about all of it.

Invariant: markets trade whether or not anybody listens; whatever they issue is in the log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from deploy.simulator.client import Client, Wire
from deploy.simulator.faults import Rule, Script
from deploy.simulator.hub import Hub
from deploy.simulator.injector import Injector
from deploy.simulator.log import Log
from deploy.simulator.market import Market, listing
from deploy.simulator.schedule import SECOND, Schedule
from deploy.simulator.settings import SimulatorSettings
from deploy.simulator.tape import Tape
from deploy.simulator.venue import Session, Venue
from deploy.simulator.venues import VENUES

# The loop sleeps no less (a batch a turn) and no more (faults fall due between trades) than this, in us.
SHORTEST, LONGEST = 1_000, 20_000
BURST_CHUNK = 256
PONG_SECONDS = 60


def wall_clock() -> int:
    """Now, in us since the epoch."""
    return time.time_ns() // 1000


class Exchange:
    """State and loop; `clock` gives us."""

    def __init__(self, settings: SimulatorSettings, script: Script, clock: Callable[[], int] = wall_clock) -> None:
        self.settings, self.clock = settings, clock
        self.started = now = clock()
        self.log = Log(settings.ring, settings.log)
        self.hub = Hub(self.log, settings.buffer_bytes, clock)
        self.books: dict[str, dict[str, Market]] = {}
        self.rates: dict[str, float] = {}
        self._markets: dict[str, Market] = {}
        self._schedule = Schedule(settings.seed)
        self._connections = 0
        self._beaten = self.turned_at = now
        self.log.note("start", "", seed=settings.seed, symbols=settings.symbols, at=now)
        self.tape = Tape(settings.seed, settings.stock_day, int(settings.stock_minute_seconds * SECOND), settings.stock_minutes)
        self.injector = Injector(Script(), now)
        for venue in VENUES.values():
            self._open(venue, now)
        self.set_faults(script)

    def set_faults(self, script: Script) -> None:
        """Replaces the fault script; its time begins now."""
        self.injector = Injector(script, self.clock())
        self.log.note("fault", "", event="script", rules=len(script.faults), seed=script.seed, at=self.injector.start)

    def issue(self, market: Market) -> None:
        """The market's next trade: made, sent, logged."""
        now, venue, injector = self.clock(), VENUES[market.venue], self.injector
        trade = market.issue(now)
        hit = injector.frame(market, now) if injector.touches_frames else None
        notes = self.hub.deliver(venue.feed, market, trade, hit, now) if venue.feed else []
        self.log.trade(venue.kind, market, trade, notes)
        if injector.touches_frames:
            for rule in injector.cuts_after(market):
                self._cut(rule, now)

    async def run(self) -> None:
        """Trades until cancelled."""
        while True:
            self.turned_at = now = self.clock()
            for key in self._schedule.due(now):
                self.issue(self._markets[key])
            self.hub.release(now)
            for rule in self.injector.cuts(now):
                self._cut(rule, now)
            self._play(now)
            if now - self._beaten >= SECOND:
                self.beat(now)
            self.hub.flush()
            due = [at for at in (self._schedule.next(), self.hub.next_release) if at is not None]
            pause = min([LONGEST, *(at - self.clock() for at in due)])
            await asyncio.sleep(max(pause, SHORTEST) / SECOND)

    def _play(self, now: int) -> None:
        """What the tape says to those who listen to it."""
        clients = [client for client in self.hub.clients.values() if client.venue.kind == "past" and client.joined]
        for quarter in self.tape.advance(now, set().union(*(client.joined for client in clients))):
            for client in clients:
                self.hub.say(client, self.tape.frames(quarter, client.joined))

    async def burst(self, markets: list[Market], count: int, *, ahead: bool = False) -> float:
        """Issues `count` trades in turn over the markets, as fast as those who listen read; the seconds that the sending took.

        `ahead` issues all of them before the first is sent: then sending costs next to nothing, and all memory.
        """
        venues = {market.venue for market in markets}
        began = self.clock()
        if ahead:
            self.hub.cork(venues)
        for done in range(0, count, BURST_CHUNK):
            for number in range(done, min(count, done + BURST_CHUNK)):
                self.issue(markets[number % len(markets)])
            self.hub.flush()
            await asyncio.sleep(0)
            if not ahead:
                await self.hub.writable(venues)
        if ahead:
            began = self.clock()
            await self.hub.pour(venues)
        return (self.clock() - began) / SECOND

    def select(self, venue: str = "", symbol: str = "") -> list[Market]:
        """The markets of a venue and a symbol, by either of its names; empty takes all."""
        return [
            market
            for market in self._markets.values()
            if venue in ("", market.venue) and (not symbol or symbol in (market.native, market.listing.symbol))
        ]

    def set_rate(self, markets: list[Market], rate: float | None) -> None:
        """Trades a second of each market; None goes on at the rate it had before it was stopped."""
        now = self.clock()
        for market in markets:
            if rate:
                self.rates[market.key] = rate
            self._schedule.set_rate(market.key, self.rates[market.key] if rate is None else rate, now)

    def rate(self, market: Market) -> float:
        """Its trades a second now."""
        return self._schedule.rate(market.key)

    def connect(self, venue: Venue, wire: Wire, path: str, query: dict[str, str]) -> Client | None:
        """A new connection of a feed, its first frames said; None where there is no such path."""
        if venue.feed is None:
            return None
        now = self.clock()
        session = Session(self._connections + 1)
        frames = venue.feed.opened(path, query, session, self.books[venue.name], now)
        if frames is None:
            return None
        self._connections += 1
        client = Client(venue, session, wire, now)
        self.hub.attach(client)
        self.hub.say(client, frames)
        self.hub.join(client)
        return client

    def receive(self, client: Client, message: bytes) -> None:
        """A client's message, answered at once."""
        feed = client.venue.feed
        if feed is None or client.closed:
            return
        self.hub.say(client, feed.received(message, client.session, self.books[client.venue.name], self.clock()))
        self.hub.join(client)
        self.hub.flush()

    def disconnected(self, client: Client) -> None:
        """The client's socket is closed."""
        self.hub.detach(client, "client")

    def beat(self, now: int) -> None:
        """Once a second: heartbeats and pings, the log to its file, and an end to the silent."""
        self._beaten = now
        self.log.flush()
        for client in list(self.hub.clients.values()):
            feed = client.venue.feed
            assert feed is not None
            if not self.injector.mutes(client.venue.name, now):
                self.hub.say(client, feed.beat(client.session, self.books[client.venue.name], now))
            if feed.ping and now - client.pinged_at >= feed.ping * SECOND:
                client.pinged_at = now
                client.wire.ping()
            if feed.ping and now - client.heard_at > (feed.ping + PONG_SECONDS) * SECOND:
                self.hub.drop(client, "no pong")
            elif feed.subscribe_within and not client.joined and now - client.opened_at > feed.subscribe_within * SECOND:
                self.hub.close(client, 1008, "no subscription")

    def close(self) -> None:
        """Says goodbye to every client."""
        for client in list(self.hub.clients.values()):
            self.hub.close(client, 1001, "stop")

    def _open(self, venue: Venue, now: int) -> None:
        """The venue's markets, each with one trade so that there is a price; of two symbols with one name here the first is listed."""
        settings = self.settings
        first_id = now // 100 if settings.first_id == "clock" else None
        rate = settings.rate if venue.kind == "trade" else settings.price_rate
        # Venues that tell of a price less often tell of the same one.
        steps = min(max(1, round(settings.rate / rate)), 1000) if rate else 1
        book: dict[str, Market] = {}
        self.books[venue.name] = book
        if venue.kind == "past":
            return
        for symbol in settings.symbols:
            if venue.native(symbol) in book:
                continue
            market = Market(
                settings.seed,
                venue.name,
                listing(symbol),
                venue.native(symbol),
                first_id=first_id,
                history=settings.history,
                precision=venue.precision,
                steps=steps,
            )
            book[market.native] = self._markets[market.key] = market
            self.issue(market)
            self.rates[market.key] = rate
            self.set_rate([market], None)

    def _cut(self, rule: Rule, now: int) -> None:
        """A disconnect: every connection of its venue, after what was sent so far."""
        self.hub.flush()
        clients = [client for client in self.hub.clients.values() if rule.venue in ("", client.venue.name)]
        how = rule.how or "abort"
        self.log.note("fault", rule.venue, event="disconnect", how=how, connections=[client.number for client in clients], at=now)
        for client in clients:
            if how == "abort":
                self.hub.drop(client, "fault")
            else:
                self.hub.close(client, 1001, "fault")
