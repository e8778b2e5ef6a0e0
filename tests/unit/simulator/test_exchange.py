"""The exchange with a clock and sockets of the test's own: pings, silent clients, and who hears what."""

from __future__ import annotations

from deploy.simulator.client import Client
from deploy.simulator.exchange import Exchange
from deploy.simulator.faults import Rule, Script
from deploy.simulator.schedule import SECOND
from deploy.simulator.settings import SimulatorSettings
from deploy.simulator.venues import VENUES


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class Wire:
    """Remembers what it was told."""

    def __init__(self, unsent: int = 0) -> None:
        self.said: list[str] = []
        self.data = b""
        self.unsent = unsent

    def write(self, data: bytes) -> int:
        self.data += data
        return self.unsent

    def ping(self) -> None:
        self.said.append("ping")

    def close(self, code: int, reason: str) -> None:
        self.said.append(f"close {code}")

    def abort(self) -> None:
        self.said.append("abort")


def exchange(clock: Clock, *rules: Rule) -> Exchange:
    return Exchange(SimulatorSettings(rate=0, price_rate=0, symbols=("BTC-USD",)), Script(rules), clock)


def connect(of: Exchange, venue: str, wire: Wire, path: str = "", **query: str) -> Client:
    client = of.connect(VENUES[venue], wire, path, query)
    assert client is not None
    return client


def issue(of: Exchange, venue: str = "binance", count: int = 1) -> None:
    (market,) = of.select(venue)
    for _ in range(count):
        of.issue(market)
    of.hub.flush()


def test_binance_pings_and_drops_who_does_not_answer() -> None:
    clock, wire, answering = Clock(), Wire(), Wire()
    of = exchange(clock)
    connect(of, "binance", wire, "ws")
    other = connect(of, "binance", answering, "ws")
    for _ in range(85):
        clock.now += SECOND
        other.heard_at = clock.now
        of.beat(clock.now)
    assert wire.said == ["ping"] * 4 + ["abort"]
    assert answering.said == ["ping"] * 4


def test_coinbase_closes_who_does_not_subscribe_in_time() -> None:
    clock, silent, subscribed = Clock(), Wire(), Wire()
    of = exchange(clock)
    connect(of, "coinbase", silent)
    client = connect(of, "coinbase", subscribed)
    of.receive(client, b'{"type":"subscribe","product_ids":["BTC-USD"],"channels":["matches"]}')
    for _ in range(10):
        clock.now += SECOND
        of.beat(clock.now)
    assert silent.said == ["close 1008"]
    assert subscribed.said == []


def test_a_client_over_its_buffer_is_dropped_and_hears_no_more() -> None:
    clock, slow, fast = Clock(), Wire(unsent=1 << 30), Wire()
    of = exchange(clock)
    for wire in (slow, fast):
        connect(of, "binance", wire, "ws/btcusdt@trade")
    issue(of)
    issue(of)
    assert slow.said == ["abort"]
    assert (slow.data.count(b'"e":"trade"'), fast.data.count(b'"e":"trade"')) == (1, 2)


def test_a_held_frame_of_a_client_that_left_is_lost_and_told() -> None:
    clock, wire = Clock(), Wire()
    of = exchange(clock, Rule("disorder", delay_ms=1000))
    client = connect(of, "binance", wire, "ws/btcusdt@trade")
    issue(of)
    of.disconnected(client)
    clock.now += 2 * SECOND
    of.hub.release(clock.now)
    of.hub.flush()
    assert wire.data == b""
    assert of.log.counts["frame"] == 1
    assert of.hub.next_release is None


def test_the_markets_stand_still_when_nothing_is_due_and_trade_unheard() -> None:
    of = exchange(Clock())
    before = of.log.lines
    issue(of, count=3)
    assert of.log.lines == before + 3
    assert of.hub.fates.total() == 0


def test_a_disconnect_reaches_the_connections_of_its_venue_only() -> None:
    clock, wire, other = Clock(), Wire(), Wire()
    of = exchange(clock, Rule("disconnect", venue="binance", by="trades", after=2))
    connect(of, "binance", wire, "ws/btcusdt@trade")
    connect(of, "kraken", other, "v2")
    issue(of, count=5)
    assert (wire.said, other.said) == (["abort"], [])
    assert wire.data.count(b'"e":"trade"') == 2


def test_of_two_symbols_with_one_name_at_a_venue_the_first_is_listed() -> None:
    of = Exchange(SimulatorSettings(rate=0, price_rate=0, symbols=("BTC-USD", "BTC-USDT", "BTC-EUR")), Script(), Clock())
    listed = {name: [market.listing.symbol for market in book.values()] for name, book in of.books.items()}
    assert listed["binance"] == ["BTC-USD", "BTC-EUR"]
    assert listed["coingecko"] == ["BTC-USD"]
    assert listed["kraken"] == ["BTC-USD", "BTC-USDT", "BTC-EUR"]
