"""Doubtful live ticks through the real broker and store: flagged, kept, and the same after the judge was killed.

What is stored of the flags must be what one pass over the whole log of ticks gives.
"""

import asyncio
from typing import Any

import httpx

from services.transformer.checkpoint import start
from services.transformer.outputs import Output
from services.transformer.quality.machine import Quality
from services.transformer.quality.rules import Rules
from shared.bus import Log
from shared.events import Flag
from shared.partitioning import partition
from shared.settings import Kafka
from shared.time import SECOND, to_datetime
from shared.topics import MARKET_RAW, TICKS
from tests.fixtures.flags import last_told, told
from tests.system.feed import START, Feed, trade
from tests.system.services import Services
from tests.system.store import query, until

# One raw partition, so that the log has one order whoever reads it.
NAMES = ("binance-g", "binance-m", "binance-r", "binance-t")
ROWS = 'SELECT source, kind, flag, start, since, "end", ticks, price, reference FROM flags ORDER BY source, kind, flag, start'
SECONDS = 120


def quote(number: int, bid: str, ask: str) -> bytes:
    """A Binance book ticker frame."""
    return b'{"u":%d,"s":"BTCUSDT","b":"%b","B":"1","a":"%b","A":"1"}' % (number, bid.encode(), ask.encode())


def prices(second: int) -> dict[str, str]:
    """Four sources that agree, but for one that freezes from 20 s on, and one that jumps at 50 s and goes its own way from 80 s on."""
    fair = f"{100 + second * 0.005:.3f}"
    odd = {50: "120.00"}.get(second, f"{100 + second * 0.005 + 5:.3f}" if second >= 80 else fair)
    return dict(zip(NAMES, (fair, fair, f"{100 + min(second, 20) * 0.005:.3f}", odd), strict=True))


def play(kafka: Kafka, first: int, end: int) -> None:
    """Seconds [first, end) of all sources, in the order of time; the second one falls silent at 60 s."""
    feeds = {name: Feed(name) for name in NAMES}
    everything = Feed("binance")
    for second in range(first, end):
        at = START + second * SECOND
        for name, price in prices(second).items():
            if name != NAMES[1] or second < 60:
                feeds[name].frame("BTCUSDT", trade("BTCUSDT", second + 1, at, price), at)
        if second == 30:
            feeds[NAMES[0]].frame("BTCUSDT", quote(second, "101", "100.5"), at)
        if second == 31:
            feeds[NAMES[0]].frame("BTCUSDT", quote(second, "100.4", "100.6"), at)
        for feed in feeds.values():
            everything.records += feed.records
            feed.records = []
    everything.publish(kafka)


def test_doubts_are_raised_end_and_are_the_same_after_a_kill(services: Services, kafka_settings: Kafka, database_url: str) -> None:
    assert len({partition(f"{name}|BTCUSDT".encode(), MARKET_RAW.partitions) for name in NAMES}) == 1
    for part in ("transformer", "quality", "writer", "api"):
        services.start(part)
    play(kafka_settings, 0, 70)
    frozen = "SELECT count(*) FROM flags WHERE flag = 'frozen'"
    until(lambda: query(database_url, frozen)[0][0], 1, 60, services.logs)
    services.kill("quality")
    services.start("quality")
    play(kafka_settings, 70, SECONDS)
    standing = 'SELECT count(*) FROM flags WHERE "end" IS NULL'
    until(lambda: query(database_url, standing)[0][0], 3, 60, services.logs)  # frozen, diverging, stale
    expected = folded(kafka_settings)
    until(lambda: stored(database_url), expected, 30, services.logs)
    assert {(row[0], row[2]) for row in expected} == {
        (NAMES[0], "crossed"),
        (NAMES[1], "stale"),
        (NAMES[2], "frozen"),
        (NAMES[3], "diverging"),
        (NAMES[3], "spike"),
    }
    assert query(database_url, "SELECT count(*) FROM ticks")[0][0] == 4 * SECONDS - (SECONDS - 60) + 2  # nothing is removed
    check_answers(services)


def check_answers(services: Services) -> None:
    """What users see."""
    services.wait_ready("api")
    base = f"http://127.0.0.1:{services.api_port}"
    latest = {row["source"]: row["flags"] for row in httpx.get(f"{base}/latest", params={"symbol": "BTC-USDT"}).json()["results"]}
    assert latest == {NAMES[0]: [], NAMES[1]: ["stale"], NAMES[2]: ["frozen"], NAMES[3]: ["diverging"]}
    found = httpx.get(f"{base}/flags", params={"symbol": "btc-usdt", "flag": "crossed"}).json()["results"]
    assert [(row["price"], row["reference"], row["ticks"], row["kind"]) for row in found] == [(100.75, 100.5, 1, "quote")]
    assert found[0]["first_origin"] == found[0]["last_origin"] != ""
    pages, url = [], f"{base}/flags?limit=2"
    while url:
        page = httpx.get(url).json()
        pages += page["results"]
        url = page["next_url"] and f"{base}{page['next_url']}"
    assert pages == httpx.get(f"{base}/flags").json()["results"]
    standing = httpx.get(f"{base}/flags", params={"standing": "true"}).json()["results"]
    assert standing == [row for row in pages if row["end"] is None]


def folded(kafka: Kafka) -> list[tuple[Any, ...]]:
    """One pass over the log of ticks."""
    return sorted(
        (f.source, f.kind, f.flag, to_datetime(f.start), to_datetime(f.since), f.end and to_datetime(f.end), f.ticks, f.price, f.reference)
        for f in last_told(asyncio.run(_flags(kafka)))
    )


async def _flags(kafka: Kafka) -> list[Flag]:
    place = partition(b"BTC-USDT", TICKS.partitions)
    machine, outputs = Quality(place, start(1, 0), Rules()), list[Output]()
    async with Log(kafka) as log:
        first, end = (await log.ranges(TICKS, [place]))[place]
        async for records in log.read(TICKS, place, first, end):
            outputs += machine.step(records)
    return told(outputs)


def stored(url: str) -> list[tuple[Any, ...]]:
    """The rows of the store."""
    return [tuple(row) for row in query(url, ROWS)]
