"""Dead letters read from their records: what was rejected, where it came from, and as what it can go through again."""

from __future__ import annotations

import pytest

from shared import dead_letters
from shared.dead_letters import DeadLetter
from shared.partitioning import partition
from shared.records import Record
from tests.fixtures.records import Kept

WHY = (
    ("error_reason", b"bad_price"),
    ("error_message", b"price '-1' is not above zero"),
    ("error_source", b"binance"),
    ("received_at", b"2021-01-08T00:00:00.278Z"),
    ("origin", b"7/3/99/1"),
)
LIVE = Kept(5, 1_700_000_000_000, b"binance|BTCUSDT", b"{}", WHY, 3)
ROW = LIVE._replace(headers=(("run", b"prices-1:12:2"), *WHY))
FRAME = LIVE._replace(headers=(("run", b"frames-1:12:0"), *WHY), value=b"1.5: {}")


def letter(record: Record) -> DeadLetter:
    found = dead_letters.read(record)
    assert found is not None
    return found


def test_a_dead_letter_says_why_where_and_when() -> None:
    found = letter(ROW)
    assert (found.reason, found.message, found.source) == ("bad_price", "price '-1' is not above zero", "binance")
    assert (found.place, found.origin, found.record_origin) == ("3:5", "7/3/99/1", "7/3/99")
    assert found.received_at == 1_610_064_000_278_000


def test_copies_of_markers_are_no_dead_letters() -> None:
    assert dead_letters.read(LIVE._replace(headers=(("ce_type", b"tickplant.marker"),))) is None


@pytest.mark.parametrize(("record", "rows"), [(LIVE, "frames"), (ROW, "prices"), (FRAME, "frames")])
def test_the_run_that_replays_it_reads_it_as_it_was_read(record: Record, rows: str) -> None:
    assert letter(record).rows == rows


@pytest.mark.parametrize("header", [("error_reason", b"too_large"), ("rejected_ce_type", b"tickplant.heartbeat")])
def test_what_was_not_kept_whole_and_what_is_no_data_is_not_replayed(header: tuple[str, bytes]) -> None:
    assert letter(LIVE._replace(headers=(header, *WHY))).rows is None


def test_a_row_is_replayed_with_its_line_and_n_under_the_new_run() -> None:
    wanted = (partition(b"binance|BTCUSDT", 12), b"binance|BTCUSDT")
    assert dead_letters.replayed(letter(ROW), "prices-2") == (*wanted, b"{}", [("run", b"prices-2:12:2")])
    assert dead_letters.replayed(letter(FRAME), "frames-2") == (*wanted, b"1.5: {}", [("run", b"frames-2:12:0")])


def test_a_live_record_is_replayed_with_its_receive_time_in_front() -> None:
    assert dead_letters.replayed(letter(LIVE), "frames-2")[2:] == (b"1610064000.278000: {}", [("run", b"frames-2:6:0")])


def test_an_answer_of_a_run_is_replayed_with_its_receive_time_in_front() -> None:
    answer = LIVE._replace(headers=(("ce_type", b"market.response"), ("run", b"daily-1:12:0"), *WHY))
    assert letter(answer).rows == "frames"
    assert dead_letters.replayed(letter(answer), "frames-2")[2:] == (b"1610064000.278000: {}", [("run", b"frames-2:12:0")])


def test_it_matches_by_reason_and_run() -> None:
    assert letter(ROW).matches(None, None)
    assert letter(ROW).matches("bad_price", "prices-1")
    assert not letter(ROW).matches("bad_size", None)
    assert not letter(ROW).matches(None, "prices-2")
    assert not letter(LIVE).matches(None, "prices-1")


def test_headers_that_nobody_of_us_wrote_are_endured() -> None:
    found = letter(Kept(5, 1_700_000_000_000, None, None, (("run", b"no row"), ("received_at", b"\xff"))))
    assert (found.reason, found.source, found.row) == ("malformed", "unknown", None)
    assert found.received_at == 1_700_000_000_000_000
    assert dead_letters.replayed(found, "frames-2")[1:3] == (b"", b"1700000000.000000: ")
