"""A live source through the real broker and store: windows close by heartbeats, late ticks are merged, delays do not mix."""

from decimal import Decimal

from shared.settings import Kafka
from shared.time import DAY, MINUTE, SECOND
from shared.topics import CANDLES
from tests.system.feed import START, Feed, trade
from tests.system.services import Services
from tests.system.store import published, query, until

CANDLE = "SELECT source, open, close, volume, tick_count, late_count, is_closed FROM candles ORDER BY source, start"


def test_heartbeats_close_the_last_window_of_a_silent_source(services: Services, kafka_settings: Kafka, database_url: str) -> None:
    """
    frames   |1..2|.......................
    beats    |.......b b b b b b b b b b b   -> the watermark passes the end of the minute
    """
    services.start("transformer")
    services.start("writer")
    feed = Feed("binance")
    feed.frame("BTCUSDT", trade("BTCUSDT", 1, START, "100"), START)
    feed.frame("BTCUSDT", trade("BTCUSDT", 2, START + SECOND, "101"), START + SECOND)
    feed.publish(kafka_settings)
    until(lambda: [tuple(row) for row in query(database_url, CANDLE)], [("binance", 100, 101, Decimal("0.5"), 2, 0, False)])
    for second in range(2, 70):
        feed.heartbeat(START + second * SECOND)
    feed.publish(kafka_settings)
    until(lambda: [tuple(row) for row in query(database_url, CANDLE)], [("binance", 100, 101, Decimal("0.5"), 2, 0, True)])
    closed = [value for _, value in published(kafka_settings, CANDLES) if value.get("is_closed")]
    assert [(c["open"], c["close"], c["tick_count"], c.get("from_store")) for c in closed] == [("100", "101", 2, None)]


def test_a_source_that_dies_does_not_close_its_window(services: Services, kafka_settings: Kafka, database_url: str) -> None:
    """
    dying    |1...........................       no heartbeat, so nothing is declared complete
    alive    |1..b b b b b b b b b b b b b b
    """
    services.start("transformer")
    services.start("writer")
    dying, alive = Feed("binance"), Feed("binance-agg")
    dying.frame("BTCUSDT", trade("BTCUSDT", 1, START), START)
    alive.frame("BTCUSDT", trade("BTCUSDT", 1, START), START)
    for second in range(70):
        alive.heartbeat(START + second * SECOND)
    dying.publish(kafka_settings)
    alive.publish(kafka_settings)
    state = "SELECT source, is_closed FROM candles ORDER BY source"
    until(lambda: [tuple(row) for row in query(database_url, state)], [("binance", False), ("binance-agg", True)])


def test_a_late_tick_is_merged_and_the_correction_is_published(services: Services, kafka_settings: Kafka, database_url: str) -> None:
    """
    event    |1........|2 (ten minutes on)       3 belongs to the first minute, long closed
    received |1........|2..3
    """
    services.start("transformer")
    services.start("writer")
    feed, later = Feed("binance"), START + 10 * MINUTE
    feed.frame("BTCUSDT", trade("BTCUSDT", 1, START, "100"), START)
    feed.frame("BTCUSDT", trade("BTCUSDT", 2, later, "110"), later)
    feed.frame("BTCUSDT", trade("BTCUSDT", 3, START + 30 * SECOND, "90", "2"), later + SECOND)
    feed.publish(kafka_settings)
    first = "SELECT open, close, volume, tick_count, late_count, is_closed FROM candles ORDER BY start LIMIT 1"
    until(lambda: [tuple(row) for row in query(database_url, first)], [(100, 90, Decimal("2.25"), 2, 1, True)])

    def last() -> tuple[object, ...]:
        seen = [v for _, v in published(kafka_settings, CANDLES) if v["start"] == START]
        best = max(seen, key=lambda v: (v["tick_count"], v.get("is_closed", False), v.get("from_store", False)))
        return best["close"], best["tick_count"], best["late_count"], best.get("is_closed"), best.get("from_store")

    until(last, ("90", 2, 1, True, True))


def test_two_sources_a_day_apart_do_not_make_each_other_late(services: Services, kafka_settings: Kafka, database_url: str) -> None:
    services.start("transformer")
    services.start("writer")
    prompt, delayed = Feed("binance"), Feed("binance-agg")
    for number in range(1, 181):
        at = START + number * SECOND
        prompt.frame("BTCUSDT", trade("BTCUSDT", number, at), at)
        delayed.frame("BTCUSDT", trade("BTCUSDT", number, at - DAY), at)
    prompt.publish(kafka_settings)
    delayed.publish(kafka_settings)
    counts = "SELECT source, count(*), count(*) FILTER (WHERE late) FROM ticks GROUP BY source ORDER BY source"
    until(lambda: [tuple(row) for row in query(database_url, counts)], [("binance", 180, 0), ("binance-agg", 180, 0)])
    closed = "SELECT source, count(*) FROM candles WHERE is_closed GROUP BY source ORDER BY source"
    until(lambda: [tuple(row) for row in query(database_url, closed)], [("binance", 2), ("binance-agg", 2)])
