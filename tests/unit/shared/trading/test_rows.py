"""Rows of orders, executions and quotes: what they give, and why they are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from decimal import Decimal

import pytest

from shared.errors import FileFault, Rejected
from shared.events import Execution, Nbbo, Order
from shared.trading import columns, plain, rows, values

AT = 1_767_623_400_120_000  # 2026-01-05T14:30:00.12Z
ORDER = "order_id,symbol,side,quantity,limit_price,timestamp,destination"
TRADE = "trade_id,order_id,symbol,side,exec_quantity,exec_price,exec_timestamp,destination"
QUOTE = "symbol,bid,ask,timestamp"


def parse(file: columns.File, header: str, line: str, zone: str = "UTC") -> Order | Execution | Nbbo:
    prefix = columns.canonical(file, header.split(","), zone)
    return rows.parse(f"{prefix}\n{line}".encode())[1]


def test_an_order_at_the_market_has_no_limit() -> None:
    found = parse("orders", ORDER, "O-1, aapl ,Buy,500,,2026-01-05T14:30:00.120000Z,XNAS")
    assert found == Order("O-1", "AAPL", "buy", Decimal(500), None, AT, "XNAS", "new", AT)


def test_an_execution_says_what_it_corrects_and_when() -> None:
    line = "T-1,O-1,AAPL,s,100,190.25,2026-01-05T14:30:00.12Z,,Correct,2026-01-05T14:30:01.12Z"
    found = parse("trades", TRADE + ",action,action_timestamp", line)
    assert found == Execution("T-1", "O-1", "AAPL", "sell", Decimal(100), Decimal("190.25"), AT, "", "correct", AT + 1_000_000)


def test_columns_are_found_by_name_in_any_place_among_others() -> None:
    found = parse("nbbo", "Ask,exchange,Timestamp,BID,symbol", "190.02,Q,1767623400120,190.01,KO")
    assert found == Nbbo("KO", Decimal("190.01"), Decimal("190.02"), AT)


@pytest.mark.parametrize(
    "text",
    ["2026-01-05T14:30:00.120000Z", "2026-01-05T14:30:00.120Z", "2026-01-05 14:30:00.12+00:00", "1767623400120", "1767623400120000"],
)
def test_one_moment_has_many_spellings(text: str) -> None:
    assert parse("nbbo", QUOTE, f"KO,1,2,{text}").event_time == AT


def test_a_naive_time_is_read_in_the_zone_of_the_request() -> None:
    assert parse("nbbo", QUOTE, "KO,1,2,2026-01-05T09:30:00.120000", "America/New_York").event_time == AT


@pytest.mark.parametrize(
    ("line", "reason", "said"),
    [
        ("T,O,KO,hold,1,1,2026-01-05T14:30:00Z,X", "bad_side", "side 'hold'"),
        ("T,O,KO,buy,-1,1,2026-01-05T14:30:00Z,X", "bad_size", "exec_quantity '-1' is not above zero"),
        ("T,O,KO,buy,0,1,2026-01-05T14:30:00Z,X", "bad_size", "exec_quantity '0' is not above zero"),
        ("T,O,KO,buy,1,x,2026-01-05T14:30:00Z,X", "bad_price", "exec_price 'x' is not a number"),
        ("T,O,KO,buy,1,1,soon,X", "bad_timestamp", "exec_timestamp 'soon'"),
        ("T,O,KO,buy,1,1,2026-01-05T14:30:60.000000Z,X", "bad_timestamp", "exec_timestamp"),
        ("T,,KO,buy,1,1,2026-01-05T14:30:00Z,X", "missing_field", "the row has no order_id"),
        ("T,O,,buy,1,1,2026-01-05T14:30:00Z,X", "missing_field", "the row has no symbol"),
        ("T,O,KO,buy,1,1,2026-01-05T14:30:00Z", "bad_row", "7 fields, the header 8"),
        (f"{'T' * 200},O,KO,buy,1,1,2026-01-05T14:30:00Z,X", "malformed", "longer than 128 characters"),
    ],
)
def test_a_row_that_cannot_be_used_names_field_and_value(line: str, reason: str, said: str) -> None:
    with pytest.raises(Rejected) as fault:
        parse("trades", TRADE, line)
    assert (fault.value.reason, said in fault.value.message) == (reason, True)


def test_a_quote_cannot_be_corrected() -> None:
    with pytest.raises(Rejected, match="no id by which"):
        parse("nbbo", f"{QUOTE},action", "KO,1,2,2026-01-05T14:30:00Z,bust")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("1,2,3,4", "looks like data, not like a header"),
        (ORDER, "has no column bid, ask; it looks like a file of orders"),
        ("symbol,bid,timestamp", "has no column ask; a file of nbbo has symbol,bid,ask,timestamp"),
        ("symbol,bid,ask,timestamp,bid", "has the column 'bid' more than once"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_what_is_wrong(header: str, said: str) -> None:
    with pytest.raises(FileFault) as fault:
        columns.canonical("nbbo", header.split(","), "UTC")
    assert said in str(fault.value)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T14:30:00.120000Z",
        "2026-01-05T14:30:  .120000Z",
        "2026-01-05T14:30:60.120000Z",
        "2026-01-05T14:30:0 .120000Z",
        "1767623400",
    ],
)
def test_a_time_among_many_is_what_it_is_by_itself(text: str) -> None:
    def read(moments: Callable[[], list[int]]) -> list[int] | str:
        try:
            return moments()
        except Rejected as fault:
            return fault.reason

    assert read(lambda: plain.moments([text], UTC)) == read(lambda: [values.moment(text, UTC)])
