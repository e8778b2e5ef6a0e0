"""The state machine of a raw partition, by example.

Seconds after a minute's start; out-of-orderness 2 s, idle after 5 s, emission each second; `/` is a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
import pytest

from services.transformer.checkpoint import decode, encode, start
from services.transformer.clocks import Rules
from services.transformer.machine import Machine
from services.transformer.outputs import Output
from services.transformer.transforms.market import machine
from shared.events import Candle, CandleRecord, Count, GivenUp, Marker, Origin, Tally, Tick, TickRecord, Trade
from shared.records import TAPE_PAGE, header, response_headers
from shared.time import DAY, MINUTE, SECOND
from shared.topics import CANDLES, DEAD_LETTERS, TICKS
from tests.fixtures.records import MS, Kept, closed, connection, control, heartbeat, live, marker, row, trade

EPOCH = 9
_ticks = msgspec.json.Decoder(TickRecord).decode
_candles = msgspec.json.Decoder(CandleRecord).decode


def ms(second: float) -> int:
    return MS + round(second * 1000)


def market(rules: Rules | None = None) -> Machine:
    return machine(0, start(EPOCH, 0), rules or Rules())


def ticks(found: Iterable[Output]) -> list[Tick]:
    events = [_ticks(output.value or b"") for output in found if output.topic is TICKS]
    return [event for event in events if not isinstance(event, Marker | Tally)]


def tallies(found: Iterable[Output]) -> list[Tally]:
    return [event for output in found if output.topic is TICKS and isinstance(event := _ticks(output.value or b""), Tally)]


def candles(found: Iterable[Output]) -> list[Candle]:
    return [event for output in found if output.topic is CANDLES and isinstance(event := _candles(output.value or b""), Candle)]


def closings(found: Iterable[Output]) -> list[Candle]:
    return [candle for candle in candles(found) if candle.is_closed]


def reasons(found: Iterable[Output]) -> list[bytes | None]:
    return [header(output.headers, "error_reason") for output in found if output.topic is DEAD_LETTERS]


def feed(*frames: tuple[float, float], source: str = "binance", first: int = 0) -> list[Kept]:
    """Trades by (event, receive) second, numbered and priced by their position."""
    return [live(first + n, ms(at), trade(first + n, ms(event), str(n + 1)), source=source) for n, (event, at) in enumerate(frames)]


def test_a_tick_carries_its_envelope() -> None:
    [tick] = ticks(market().step([live(0, ms(1), trade(7, ms(0.5), "39432.48", "0.000263", sell=True))]))
    at = (MS * 1000 + SECOND // 2, MS * 1000 + SECOND)
    assert tick == Trade(
        "BTC-USDT", "BTCUSDT", at[0], Decimal("39432.48"), Decimal("0.000263"), "sell", "7", 7, "binance", at[1], Origin(EPOCH, 0, 0, 0)
    )  # fmt: skip


def test_a_window_closes_when_an_event_moves_the_watermark_past_its_end() -> None:
    # event     1    59   61.999   62
    # wm       -1    57   59.999   60  → closed, with the two of its minute
    found = market().step(feed((1, 1), (59, 59), (61.999, 62), (62, 62)))
    [candle] = closings(found)
    assert (candle.start, candle.tick_count, candle.open, candle.close) == (MS * 1000, 2, Decimal(1), Decimal(2))
    assert candle.last_origin == Origin(EPOCH, 0, 1)


def test_a_late_trade_does_not_reopen_a_candle() -> None:
    # event     1    62         30
    # wm       -1    60 closed  60   → late
    found = market().step(feed((1, 1), (62, 62), (30, 63), (63, 64), (64, 66)))
    assert [tick.late for tick in ticks(found)] == [False, False, True, False, False]
    assert [candle.tick_count for candle in closings(found)] == [1]
    assert not any(candle.start == MS * 1000 and not candle.is_closed for candle in candles(found)[1:])


def test_an_event_at_the_last_moment_before_the_watermark_passes_is_not_late() -> None:
    # event     1    61.999   30    62
    # wm       -1    59.999
    found = market().step(feed((1, 1), (61.999, 62), (30, 62), (62, 62)))
    assert [tick.late for tick in ticks(found)] == [False] * 4
    assert [candle.tick_count for candle in closings(found)] == [2]


def test_a_source_that_falls_silent_but_heartbeats_closes_its_last_window() -> None:
    # log      1    2 … 63
    #          E    H … H      wm = 1 - 2 + (63 - 2 since the first heartbeat) = 60
    records = feed((1, 1)) + [heartbeat(n, ms(n + 1)) for n in range(1, 63)]
    found = market().step(records)
    [candle] = closings(found)
    assert candle.tick_count == 1
    assert closings(market().step(records[:-1])) == []


def test_a_source_that_dies_does_not_close_its_last_window() -> None:
    # log      1                3600
    #          E                E of another source, H of another source
    records = [*feed((1, 1)), *feed((3600, 3600), source="coinbase-x", first=1), heartbeat(2, ms(3600), source="coinbase")]
    assert closings(market().step(records)) == []


def test_a_source_that_stops_for_good_closes_its_windows() -> None:
    found = market().step([*feed((1, 1), (61, 61)), *feed((1, 61), source="binance-agg", first=2), closed(3, ms(62))])
    assert [(candle.source, candle.start // MINUTE - MS * 1000 // MINUTE) for candle in closings(found)] == [("binance", 0), ("binance", 1)]


def test_an_older_owner_cannot_close_a_source() -> None:
    found = market().step([*feed((1, 1)), heartbeat(1, ms(2), epoch=2), closed(2, ms(3), epoch=1)])
    assert closings(found) == []


def test_an_epoch_that_no_owner_has_is_refused_and_shuts_out_nobody() -> None:
    ahead = ms(2) * 1000 + 2 * DAY
    forged = [heartbeat(1, ms(2), epoch=ahead), connection(2, ms(2), epoch=2**63 - 1), closed(3, ms(2), epoch=ahead)]
    found = market().step([*feed((1, 1)), *forged, heartbeat(4, ms(3), epoch=1), heartbeat(5, ms(70), epoch=1)])
    assert sum(output.topic is DEAD_LETTERS for output in found) == len(forged)
    assert len(closings(found)) == 1


def test_a_reconnect_makes_the_outage_no_silence() -> None:
    # log      1    2     70    71     no heartbeat between: the connection was down
    #          E    H     C     H
    records = [*feed((1, 1)), heartbeat(1, ms(2)), connection(2, ms(70)), heartbeat(3, ms(71))]
    assert closings(market().step(records)) == []
    without = [*feed((1, 1)), heartbeat(1, ms(2)), connection(2, ms(70), "disconnected"), heartbeat(3, ms(71))]
    assert len(closings(market().step(without))) == 1


def test_two_sources_a_day_apart_do_not_make_each_other_late() -> None:
    # quick    0 … 120          slow    -1 d + 0 … -1 d + 120, record by record
    records: list[Kept] = []
    for second in range(0, 121, 10):
        records += feed((second, second), source="binance", first=len(records))
        records += feed((second - DAY // SECOND, second), source="binance-slow", first=len(records))
    found = market().step(records)
    assert not any(tick.late for tick in ticks(found))
    assert [(candle.source, candle.tick_count) for candle in closings(found)] == [("binance", 6), ("binance-slow", 6)]


def test_a_duplicate_is_forwarded_and_counted_once_in_its_window() -> None:
    again = live(1, ms(2), trade(0, ms(1), "1"))
    found = market().step([*feed((1, 1)), again, *feed((62, 62), first=2)])
    assert len(ticks(found)) == 3
    assert [candle.tick_count for candle in closings(found)] == [1]


def test_an_event_too_far_ahead_is_rejected_and_moves_no_watermark() -> None:
    # receive   1          2
    # event     1          62.001 (more than 60 s ahead)
    found = market().step(feed((1, 1), (62.001, 2)))
    assert (len(ticks(found)), reasons(found), closings(found)) == (1, [b"future_event_time"], [])


def test_rows_of_a_file_have_no_watermark_no_window_and_are_never_late() -> None:
    prices = b"time,price,size,symbol=BTC-USDT\n"
    rows = [row(n, ms(n), prices + line) for n, line in enumerate((b"2021-01-07T00:00:00Z,1,1", b"2020-01-08T00:00:00Z,1,1"))]
    found = market().step(rows)
    assert [(tick.run, tick.late) for tick in ticks(found)] == [("prices-1", False)] * 2
    assert candles(found) == []


def test_a_marker_is_copied_after_the_counts_of_what_came_before_it() -> None:
    prices = b"time,price,size,symbol=BTC-USDT\n"
    found = market().step([row(0, MS, prices + b"2021-01-08T00:00:00Z,1,1"), row(1, MS, prices + b"x,1,1", number=2), marker(2, MS)])
    kinds = [output.topic.name for output in found]
    assert kinds[:3] == [TICKS.name, DEAD_LETTERS.name, TICKS.name]
    assert tallies(found)[0].counts == [Count("file", "prices-1", MS * 1000, 2, 1, 0)]
    copies = [_ticks(output.value or b"") for output in found if header(output.headers, "ce_type")]
    assert len(copies) == 24
    assert all(isinstance(copy, Marker) and copy.origin == Origin(EPOCH, 0, 2) for copy in copies)


@pytest.mark.parametrize("kind", ["heartbeat", "closed", "connection", "marker"])
@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b'{"source":5}', b"\xff", b'{"source":"\xff","epoch":1}', b'{"source":' + b"[" * 100_000]
)
def test_a_control_record_that_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(kind: str, value: bytes) -> None:
    """It may not stop the partition."""
    subject = market()
    found = subject.step([*feed((1, 1)), control(kind, 1, ms(2), "binance", value), *feed((3, 3), first=2)])
    assert len(ticks(found)) == 2
    assert reasons(found)[0] in (b"malformed", b"bad_encoding")
    assert tallies(subject.tally())[0].counts == [Count("binance", "", MS * 1000, 3, 1, 0)]


def test_a_kind_of_control_record_from_a_later_version_is_passed_over() -> None:
    subject = market()
    assert subject.step([control("snapshot", 0, MS, "binance", b"?")]) == []
    assert (subject.next_offset, subject.tally()) == (1, [])


def test_frames_not_taken_are_counted_as_ignored() -> None:
    subject = market()
    subject.step([live(0, MS, b'{"result":null,"id":1}')])
    assert tallies(subject.tally())[0].counts == [Count("binance", "", MS * 1000, 0, 0, 1)]
    assert subject.tally() == []


def test_an_open_window_is_published_at_most_once_per_interval() -> None:
    # log      0.0   0.2   0.9 | 1.0   1.1 | 2.5
    #          E     E     E     E(4)  E     E
    found = market().step(feed((0, 0), (0.2, 0.2), (0.9, 0.9), (1, 1), (1.1, 1.1), (2.5, 2.5)))
    assert [(candle.tick_count, candle.is_closed) for candle in candles(found)] == [(3, False), (5, False)]


def test_a_quiet_market_closes_its_last_window_whatever_repeats_what_it_said() -> None:
    # log     10   20   21        30      …   65
    #         E    page duplicate rejected    closed: 60 + 2 s of disorder, then the next heartbeat
    known = trade(10, ms(10))
    records = [heartbeat(0, ms(9)), live(0, ms(10), known)]
    one = b'{"id":%d,"price":"100","qty":"1","time":%d,"isBuyerMaker":false}'
    page = b"[%b,%b]" % (one % (9, ms(9)), one % (10, ms(10)))
    asked = response_headers("binance", "https://x/trades", 200, 5, 1, ms(1) * 1000, TAPE_PAGE)
    for second in range(11, 66):
        if second % 10 == 0:  # the newest trades are asked for
            records.append(live(0, ms(second), page, headers=tuple(asked)))
        if second % 10 == 1:
            records.append(live(0, ms(second), known))
        if second % 10 == 2:
            records.append(live(0, ms(second), known[:-1]))
        records.append(heartbeat(0, ms(second)))
    at: dict[int, int] = {}
    subject = market()
    for offset, record in enumerate(records):
        found = subject.step([record._replace(offset=offset)])
        at.update({candle.start: record.timestamp for candle in closings(found)})
        assert offset == 0 or subject.clocks["binance"].silent_since == ms(10) * 1000
    assert at == {MS * 1000: ms(62)}


def test_one_sources_stamp_ahead_does_not_stop_another_source() -> None:
    # log     0 … 9, then one record of `push` stamped 3300, then 10 … 69
    #         binance trades and beats once a second throughout
    records: list[Kept] = []
    for second in range(70):
        records += [*feed((second, second), first=second), heartbeat(0, ms(second + 0.01))]
        if second == 9:
            frame = b'{"symbol":"ETH-USD","time":"2021-01-08T00:00:09Z","price":"1"}'
            records.append(Kept(0, ms(3300), b"push|ETH-USD", frame))
    log = [record._replace(offset=offset) for offset, record in enumerate(records)]
    found = [candle for candle in candles(market().step(log)) if candle.source == "binance"]
    assert [candle.tick_count for candle in found if candle.start == MS * 1000] == [*range(1, 61), 60]
    assert [candle.is_closed for candle in found].count(True) == 1


def test_a_source_without_records_of_its_own_is_published_in_the_time_of_another() -> None:
    # log     0.5 push       1 2 … 4 heartbeats of binance
    log = [Kept(0, ms(0.5), b"push|ETH-USD", b'{"symbol":"ETH-USD","time":"2021-01-08T00:00:00Z","price":"1"}')]
    log += [heartbeat(n, ms(n)) for n in range(1, 5)]
    assert [(candle.source, candle.tick_count) for candle in candles(market().step(log))] == [("push", 1)]


def test_a_window_open_for_too_long_is_left_to_the_store() -> None:
    # log      1    3602
    #          E    H of another source
    subject = market()
    found = subject.step([*feed((1, 1)), heartbeat(1, ms(3602), source="coinbase"), *feed((2, 3603), first=2)])
    events = [_candles(output.value or b"") for output in found if output.topic is CANDLES]
    assert events == [GivenUp("binance", "BTC-USDT", "trade", MINUTE, MS * 1000, Origin(EPOCH, 0, 0))]
    assert len(subject.windows) == 0
    assert [tick.late for tick in ticks(found)] == [False, False]


def restarted(subject: Machine, log: Sequence[Kept]) -> Machine:
    """A successor that has rebuilt its windows from the log."""
    at = decode(encode(subject.checkpoint()))
    successor = machine(0, at, Rules())
    assert successor.step([record for record in log if at.replay_from <= record.offset < at.next_offset]) == []
    return successor


def test_a_restart_in_an_open_window_changes_nothing() -> None:
    # event     1    30  /  40    62
    log = feed((1, 1), (30, 30), (40, 40), (62, 62))
    once = market().step(log)
    first = market()
    found = first.step(log[:2])
    assert found + restarted(first, log).step(log[2:]) == once


def test_a_live_frame_with_headers_is_in_its_window_after_a_restart() -> None:
    """A header that is neither a run's nor a control record's makes no difference to a frame."""
    log = [live(0, ms(1), trade(0, ms(1)), headers=(("traceparent", b"00-1"),)), *feed((62, 62), first=1)]
    once = market().step(log)
    first = market()
    found = first.step(log[:1])
    assert found + restarted(first, log).step(log[1:]) == once
    assert [candle.tick_count for candle in closings(once)] == [1]


def test_a_late_trade_stays_out_of_the_windows_after_a_restart() -> None:
    # event     1    62   30 (late)  /  63
    log = feed((1, 1), (62, 62), (30, 63), (63, 64))
    first = market()
    found = first.step(log[:3])
    successor = restarted(first, log)
    assert len(successor.windows) == 1
    assert found + successor.step(log[3:]) == market().step(log)


def test_offsets_that_the_log_lost_are_written_down() -> None:
    [tally] = tallies(market().lost(100, 150))
    assert tally.lost == (100, 150)


@pytest.mark.parametrize(
    "log",
    [
        # the hour ends between two records of one second: 0.1, then -0.1, then 0.2
        feed((0.1, 0.1), (-0.1, -0.1), (0.2, 0.2)),
        # silence has moved the watermark to 18; what comes then is behind it but not late
        [*feed((1, 1)), heartbeat(1, ms(1)), heartbeat(2, ms(20)), *feed((2, 21), (3, 21.1), (4, 21.2), first=3)],
        # the watermark passes the end of the window within one second
        feed((61.9, 62.1), (59, 62.2), (62, 62.3), (59.5, 62.4), (62.1, 62.5)),
        # too far ahead, a repeated id, another symbol under the same key
        [*feed((1, 1)), *feed((62, 1.1), first=1), live(2, ms(1.2), trade(0, ms(1))), live(3, ms(1.3), trade(9, ms(1), symbol="ETHUSDT"))],
        # the block of counts ends between two records
        [live(4094 + n, ms(1), trade(n, ms(1))) for n in range(4)],
    ],
)  # fmt: skip
def test_records_taken_together_do_what_they_do_one_by_one(log: list[Kept]) -> None:
    together, single = market(), market()
    assert together.step(log) == [output for record in log for output in single.step([record])]
    assert together.checkpoint() == single.checkpoint()
    assert together.tally() == single.tally()


def test_each_value_of_a_record_has_its_own_index_and_fate() -> None:
    """A Kraken frame holds several trades; the second has a negative price."""
    stamp = b'"timestamp":"2021-01-08T00:00:01Z"'
    values = [
        b'{"symbol":"BTC/USD","side":"buy","price":%b,"qty":2,"trade_id":%d,%b}' % (price, n, stamp)
        for n, price in enumerate((b"1", b"-1", b"3"))
    ]
    subject = market()
    record = live(0, ms(2), b'{"channel":"trade","type":"update","data":[' + b",".join(values) + b"]}", source="kraken", native="BTC/USD")
    found = subject.step([record])
    assert [tick.origin for tick in ticks(found)] == [Origin(EPOCH, 0, 0, 0), Origin(EPOCH, 0, 0, 2)]
    assert reasons(found) == [b"bad_price"]
    assert [header(output.headers, "origin") for output in found if output.topic is DEAD_LETTERS] == [b"market.raw.v1/9/0/0/1"]
    assert tallies(subject.tally())[0].counts == [Count("kraken", "", MS * 1000, 3, 1, 0)]
