"""A lane's memory of when its venue last said something, and what it tells of what is not acknowledged."""

from collections.abc import Mapping, Sequence

import msgspec

from services.fetcher.live.bucket import Bucket
from services.fetcher.live.lane import GREETING_US, Lane, now_us
from services.fetcher.live.watch import Watch
from services.fetcher.publish import Record
from shared.events import Heartbeat, SourceState
from shared.providers.venue import Budget
from shared.settings import Fetcher, Kafka
from shared.tape import TAPES, ids_of
from shared.time import DAY, SECOND
from shared.topics import MARKET_RAW, SOURCES, Topic


def lane() -> Lane:
    return Lane(Kafka(), Fetcher(), "coinbase-sim", "coinbase", ["BTC-USD"])


def test_a_greeting_is_no_news() -> None:
    one = lane()
    one.connected(greets=True)
    one.take("BTC-USD", b"subscribed")
    assert one.news_at() == one.epoch
    one.heard_at = one.connected_at + GREETING_US
    assert one.news_at() == one.heard_at


def test_a_greeting_after_an_outage_does_not_forget_the_last_news() -> None:
    one = lane()
    one.connected(greets=True)
    one.heard_at = last = one.connected_at + GREETING_US
    assert one.news_at() == last
    one.disconnected("silent")
    one.connected(greets=True)
    one.heard_at = one.connected_at
    assert one.news_at() == last


def test_what_a_source_that_is_asked_answers_is_news_at_once() -> None:
    one = lane()
    one.take("", b"{}", [])
    one.connected()
    assert one.news_at() == one.heard_at


def test_a_share_of_a_budget_bears_a_slower_pace() -> None:
    bucket = Bucket(Budget(10, 60), 0.5)
    assert bucket.pace == 12
    bucket.share(1.0)
    assert bucket.pace == 6


class Log:
    """Takes the place of a publisher: what it was given, and when it was asked to wait for the acknowledgement."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None]] = []

    async def send(self, topic: Topic, place: int, records: Sequence[Record]) -> None:
        self.records += [(topic.name, value) for _, value, _, _ in records]

    async def send_all(self, topic: Topic, groups: Mapping[int, Sequence[Record]]) -> None:
        for place, records in groups.items():
            await self.send(topic, place, records)

    async def acknowledge(self) -> None:
        """At once."""

    def states(self) -> list[SourceState]:
        return [msgspec.json.decode(value or b"", type=SourceState) for topic, value in self.records if topic == SOURCES.name]

    def heartbeats(self) -> list[Heartbeat]:
        found = [value or b"" for topic, value in self.records if topic == MARKET_RAW.name]
        return [msgspec.json.decode(value, type=Heartbeat) for value in found if b'"epoch"' in value and b'"state"' not in value]


def watched() -> tuple[Lane, Log]:
    """A lane of numbered trades whose records go nowhere."""
    watch = Watch(TAPES["binance"], "trade", ["BTCUSDT"], ids_of("binance"))
    one = Lane(Kafka(), Fetcher(), "binance-sim", "binance", ["BTCUSDT"], watch=watch)
    log = Log()
    one._publisher = log  # type: ignore[assignment]
    return one, log


def trade(number: int, at: int) -> bytes:
    return b'{"e":"trade","s":"BTCUSDT","t":%d,"p":"1","q":"1","T":%d,"m":true}' % (number, at // 1000)


async def test_no_heartbeat_while_a_frame_waits_for_its_acknowledgement() -> None:
    """A heartbeat means that everything received before it is in the log."""
    one, log = watched()
    one.connected()
    await one._send()
    one.take("BTCUSDT", trade(1, now_us()))
    await one._beat()
    await one._send()
    assert log.heartbeats() == []
    await one._beat()
    await one._send()
    (beat,) = log.heartbeats()
    assert (beat.received, beat.acknowledged) == (1, 1)


def test_an_epoch_is_above_the_predecessors_whatever_the_clock_says() -> None:
    one, _ = watched()
    ahead = one.epoch + 3_600_000_000
    one.succeed(SourceState("binance-sim", "binance", ahead, "left", at=1))
    assert one.epoch == ahead + 1
    one.succeed(SourceState("binance-sim", "binance", 5, "left", at=1))
    assert one.epoch == ahead + 1


async def test_a_hole_that_is_not_on_the_ledger_is_not_told_as_received() -> None:
    one, log = watched()
    one.connected()
    first, behind = now_us() - 5_000_000, now_us() - 1_000_000
    one.take("BTCUSDT", trade(1, first))
    one.take("BTCUSDT", trade(9, behind))
    await one._send()
    await one._tell()
    assert log.states()[-1].at == first // 1000 * 1000
    assert one.watch is not None
    ((native, hole),) = one.watch._missing()
    one.watch.told(native, hole)
    await one._send()
    await one._tell()
    assert log.states()[-1].at > behind


async def test_a_failed_source_says_so_with_its_reason_and_the_symbols_that_the_venue_refuses() -> None:
    one, log = watched()
    one.connected()
    one.problems["ZZZ-USDT"] = "Refused: status 400: Invalid symbol.\x00"
    one.failed("ValueError: Invalid\x00 address")
    await one._tell()
    state = log.states()[-1]
    assert (state.state, state.reason) == ("failed", "ValueError: Invalid\ufffd address")
    assert state.problems == {"ZZZ-USDT": "Refused: status 400: Invalid symbol.\ufffd"}


async def test_a_frame_that_no_parser_reads_is_taken_and_ends_nothing() -> None:
    one, _ = watched()
    assert one.watch is not None

    def breaks(payload: bytes) -> list[tuple[str, int, int]]:
        raise ZeroDivisionError

    one.watch._ids = breaks
    one.take("BTCUSDT", b"x")
    assert one.received == 1


async def test_an_epoch_of_a_clock_that_has_been_set_back_since_is_made_anew() -> None:
    one, log = lane(), Log()
    one._publisher = log  # type: ignore[assignment]
    one.epoch = now_us() + 2 * DAY
    one.connected()
    one._waiting.clear()
    await one._beat()
    ((_, state),) = log.records
    assert abs(msgspec.json.decode(state or b"", type=SourceState).epoch - now_us()) < 10 * SECOND
