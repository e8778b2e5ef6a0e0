"""Responses with prices and what else is said of coins: live and of snapshots' runs, in any split of batches."""

from decimal import Decimal

import msgspec

from services.transformer.checkpoint import start
from services.transformer.clocks import Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.transforms.market import machine
from shared.events import Candle, CandleRecord, IndexPrice, Marker, MarketInfo, Tally, TickRecord
from shared.records import Row
from shared.topics import CANDLES, TICKS
from tests.fixtures.records import MS, Kept, heartbeat, live

_event = msgspec.json.Decoder(TickRecord).decode
_candle = msgspec.json.Decoder(CandleRecord).decode


def response(price: str = "100.5", cap: str = "5000", at: int = MS) -> bytes:
    asset = {"id": "bitcoin", "rank": "1", "name": "Bitcoin", "priceUsd": price, "marketCapUsd": cap}
    return msgspec.json.encode({"data": [asset], "timestamp": at})


def fresh() -> Machine:
    return machine(0, start(9, 0), Rules())


def events(found: list[Output]) -> list[IndexPrice | MarketInfo]:
    told = [_event(output.value or b"") for output in found if output.topic is TICKS]
    return [event for event in told if isinstance(event, IndexPrice | MarketInfo)]


def test_a_live_response_gives_a_tick_with_its_candle_and_an_info_without_one() -> None:
    of = fresh()
    found = of.step([live(0, MS, response(), source="coincap", native=""), heartbeat(1, MS + 90_000, source="coincap")])
    price, info = events(found)
    assert isinstance(price, IndexPrice)
    assert isinstance(info, MarketInfo)
    assert (price.price, price.origin.index) == (Decimal("100.5"), 0)
    assert (info.name, info.market_cap, info.origin.index) == ("Bitcoin", Decimal(5000), 1)
    assert (info.source, info.event_time, info.received_at) == ("coincap", MS * 1000, MS * 1000)
    closed = [_candle(output.value or b"") for output in found if output.topic is CANDLES]
    assert [(candle.symbol, candle.kind, candle.tick_count) for candle in closed if isinstance(candle, Candle)] == [("BTC-USD", "index", 1)]
    assert len(info.info_id) == 32
    [tally] = of.tally()
    counted = _event(tally.value or b"")
    assert isinstance(counted, Tally)
    assert [(count.source, count.received, count.rejected) for count in counted.counts] == [("coincap", 2, 0)]


def test_the_same_said_again_is_the_same_fact_and_another_figure_another() -> None:
    bodies = [response(), response(), response(cap="5001"), response(at=MS + 1)]
    found = fresh().step([live(n, MS + n, body, source="coincap", native="") for n, body in enumerate(bodies)])
    ids = [(event.event_time, event.info_id) for event in events(found) if isinstance(event, MarketInfo)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_a_snapshot_s_response_is_a_row_of_its_run_read_as_its_source_s() -> None:
    header = Row("snapshot-20260113T113214-0a1b2c", 1, 0).header()
    record = Kept(0, MS, b"coincap-sim", response(), (("ce_type", b"market.response"), ("attempt", b"2"), header))
    found = fresh().step([record])
    assert [(event.run, event.source, event.symbol) for event in events(found)] == [
        ("snapshot-20260113T113214-0a1b2c", "coincap-sim", "BTC-USD")
    ] * 2
    assert not [output for output in found if output.topic is CANDLES]  # the store makes it
    assert not [output for output in found if isinstance(_event(output.value or b"{}") if output.topic is TICKS else None, Marker)]
