"""Rows of price files: the header's line, a newline, the row as it was read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.errors import FileFault, Rejected
from shared.events import Bar, IndexPrice, Quote, Trade
from shared.providers import prices_csv

AT = 1_610_064_000_278_000
TRADES = "trade_id,price,quantity,time,is_buyer_maker,symbol=BTC-USDT,zone=UTC"
ROW = "553287559,39432.48,0.000263,1610064000278,true"


def parse(header: str, row: str) -> Trade | Quote | IndexPrice:
    [tick] = prices_csv.parse(f"{header}\n{row}".encode())
    assert not isinstance(tick, Bar)
    return tick


def rejection(payload: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        prices_csv.parse(payload)
    return caught.value


def test_a_row_with_a_price_and_a_size_is_a_trade() -> None:
    assert parse(TRADES, ROW) == Trade("BTC-USDT", "BTC-USDT", AT, Decimal("39432.48"), Decimal("0.000263"), "sell", "553287559", 553287559)


def test_a_row_with_bid_and_ask_is_a_quote_with_sizes_where_it_has_them() -> None:
    row = "2013-01-01 22:00:00.295000+00:00,86.655,86.728"
    assert parse("timestamp,bid,ask,symbol=USD/JPY", row) == Quote(
        "USD-JPY", "USD/JPY", 1_357_077_600_295_000, Decimal("86.655"), Decimal("86.728")
    )
    sized = parse("symbol,ts,bid,bid_qty,ask,ask_qty", "AAPL,1610064000,1,0,2,")
    assert sized == Quote("AAPL", "AAPL", 1_610_064_000_000_000, Decimal(1), Decimal(2), Decimal(0), None)


def test_a_row_with_a_price_alone_is_an_index_price() -> None:
    row = "2021-01-08T00:00:00.278Z,coingecko,btc-usd,39432.48"
    assert parse("timestamp_utc,source,asset,price_usd", row) == IndexPrice("BTC-USD", "btc-usd", AT, Decimal("39432.48"))
    named = IndexPrice("BTC-USD", "bitcoin", AT, Decimal("39432.48"))
    assert parse("timestamp_utc,source,asset,price_usd", row.replace("btc-usd", "bitcoin")) == named


@pytest.mark.parametrize(
    ("header", "value", "side"),
    [
        ("side", "buy", "buy"),
        ("side", "S", "sell"),
        ("taker_side", " Ask ", "sell"),
        ("side", "", None),
        ("is_buyer_maker", "FALSE", "buy"),
        ("isBuyerMaker", "1", "sell"),
        ("buyer_maker", "t", "sell"),
    ],
)
def test_the_aggressors_side_is_read_in_its_usual_spellings(header: str, value: str, side: str | None) -> None:
    found = parse(f"time,price,size,{header},symbol=BTC-USD", f"1610064000,1,1,{value}")
    assert isinstance(found, Trade)
    assert found.side == side


def test_columns_may_come_in_any_order_case_and_company() -> None:
    assert parse(" Time ,note,PRICE,Qty,Symbol", "1610064000278,hello,1.50,2,eth_usd") == Trade(
        "ETH-USD", "eth_usd", AT, Decimal("1.50"), Decimal(2)
    )


def test_quotes_blanks_carriage_returns_and_commas_in_quotes_are_read_as_csv_has_them() -> None:
    row = '"2021-01-08T00:00:00.278Z","hello, ""world""", 1.50 ,"2",BTC-USD\r'
    assert parse("time,note,price,size,symbol", row) == Trade("BTC-USD", "BTC-USD", AT, Decimal("1.50"), Decimal(2))


def test_a_quoted_newline_is_part_of_its_field() -> None:
    row = '1610064000278,"two\nlines",1.50,2,BTC-USD'
    assert parse("time,note,price,size,symbol", row) == Trade("BTC-USD", "BTC-USD", AT, Decimal("1.50"), Decimal(2))


@pytest.mark.parametrize("row", ['1610064000278,1,"X', '1610064000278,1,"X"Y', '1610064000278,1,"a\n1610064000279,2,"X'])
def test_a_row_whose_quotes_break_the_format_is_a_bad_row(row: str) -> None:
    assert rejection(f"time,price,symbol\n{row}".encode()).reason == "bad_row"


def test_naive_times_are_read_in_the_headers_zone() -> None:
    header = "time,price,symbol=BTC-USD,zone=America/New_York"
    assert parse(header, "2021-01-07 19:00:00.278,1").event_time == AT
    assert parse(header, "1610064000278,1").event_time == AT


def test_an_id_that_is_no_number_has_no_sequence() -> None:
    found = parse("time,price,size,trade_id,symbol=X", "1610064000278,1,1,abc-1")
    assert isinstance(found, Trade)
    assert (found.trade_id, found.sequence) == ("abc-1", 0)
    huge = parse("time,price,size,trade_id,symbol=X", f"1610064000278,1,1,{2**70}")
    assert isinstance(huge, Trade)
    assert (huge.trade_id, huge.sequence) == (str(2**70), 0)


def test_a_constant_of_the_header_stands_for_a_column() -> None:
    assert parse("time,price,symbol=X,size=5", "1610064000278,1") == Trade("X", "X", AT, Decimal(1), Decimal(5))
    assert parse("time,ask,symbol=X,bid=1", "1610064000278,2") == Quote("X", "X", AT, Decimal(1), Decimal(2))


GOOD = "time,price,size,side,symbol"


@pytest.mark.parametrize(
    ("row", "reason", "names"),
    [
        ("", "bad_row", "1 fields, the header 5"),
        ("1610064000278,1,1,buy", "bad_row", "4 fields, the header 5"),
        ("1610064000278,1,1,buy,X,extra", "bad_row", "6 fields, the header 5"),
        ('"a"\nb,1,1,buy,X', "bad_row", "no row of CSV"),
        ('1610064000278,1,1,buy,"' + "X" * 200_000 + '"', "bad_row", "no row of CSV"),
        (",1,1,buy,X", "missing_field", "no time"),
        ("1610064000278,,1,buy,X", "missing_field", "no price"),
        ("1610064000278,1, ,buy,X", "missing_field", "no size"),
        ("1610064000278,1,1,buy,", "missing_field", "no symbol"),
        ("1610064000278,-1,1,buy,X", "bad_price", "price '-1' is not above zero"),
        ("1610064000278,NaN,1,buy,X", "bad_price", "price 'NaN' is not finite"),
        ("1610064000278,1e999,1,buy,X", "bad_price", "price '1e999'"),
        ("1610064000278,$5,1,buy,X", "bad_price", "price '$5' is not a number"),
        ("1610064000278,1_0,1,buy,X", "bad_price", "price '1_0' is not a number"),
        ("1610064000278,1,0,buy,X", "bad_size", "size '0' is not above zero"),
        ("1610064000278,1,1\x00,buy,X", "bad_size", r"size '1\x00'"),
        ("1610064000278,1,1,long,X", "bad_side", "side 'long'"),
        ("1610064,1,1,buy,X", "bad_timestamp", "time '1610064' has 7 digits"),
        ("000000001,1,1,buy,X", "bad_timestamp", "time '000000001'"),
        ("2021-13-08,1,1,buy,X", "bad_timestamp", "timestamp '2021-13-08'"),
        ("99999-01-01,1,1,buy,X", "bad_timestamp", "'99999-01-01'"),
        ("9" * 10_000_000 + ",1,1,buy,X", "bad_timestamp", "has 10000000 digits"),
        ("1610064000278,1,1,buy,??", "unknown_symbol", "symbol '??'"),
        ("1610064000278,1,1,buy,B\x00C", "unknown_symbol", r"symbol 'B\x00C'"),
    ],
)
def test_a_bad_row_is_rejected_with_reason_field_and_value(row: str, reason: str, names: str) -> None:
    fault = rejection(f"{GOOD}\n{row}".encode())
    assert fault.reason == reason
    assert names in fault.message
    assert len(fault.message) <= 500


@pytest.mark.parametrize("row", [b"1610064000278,1,1,buy,\xa3", "1610064000278,1,1,buy,X".encode("utf-16"), b"\xff"])
def test_a_row_in_another_encoding_is_rejected_with_the_byte_and_its_place(row: bytes) -> None:
    payload = GOOD.encode() + b"\n" + row
    fault = rejection(payload)
    assert fault.reason == "bad_encoding"
    place = next(at for at in range(len(payload)) if not _decodes(payload[: at + 1]))
    assert fault.message == f"byte {payload[place]:#04x} at {place} of the row is not UTF-8"


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("", "no column for price, symbol, time"),
        ("price,size", "no column for symbol, time"),
        ("time,bid,symbol", "no column for ask"),
        ("time,price,px,symbol", "names 'price' twice (columns 2 and 3)"),
        ("time,price,symbol,zone=Mars/Olympus", "zone 'Mars/Olympus'"),
        ("time,price,symbol,zone=/etc/passwd", "zone '/etc/passwd'"),
        ("time,price,symbol,zone=America", "zone 'America'"),
        ("time,price,symbol,zone=", "zone ''"),
        ("time,price,symbol,zone=\x00", r"zone '\x00'"),
        ("time\rprice,symbol", "no column for price, time"),
        ("x" * 200_000 + ",time", "more than 32768 characters"),
    ],
)
def test_a_row_under_a_bad_header_is_rejected(header: str, names: str) -> None:
    fault = rejection(f"{header}\n1610064000278,1,1".encode())
    assert fault.reason == "bad_row"
    assert names in fault.message


def test_a_files_header_without_its_columns_is_a_fault_of_the_file() -> None:
    with pytest.raises(FileFault, match="no column for symbol; name it with --column symbol=NAME or give --symbol"):
        prices_csv.layout(["time", "price"])


def test_the_symbol_of_a_row_is_found_and_never_raises() -> None:
    assert prices_csv.native_symbol(f"{GOOD}\n1610064000278,1,1,buy, eth/usd ".encode()) == "eth/usd"
    assert prices_csv.native_symbol(f"{TRADES}\n{ROW}".encode()) == "BTC-USDT"
    for payload in (b"", b"\xff", b"a\rb\n1", f'{GOOD}\n"a"\nb'.encode(), f"{GOOD}\n1".encode()):
        assert prices_csv.native_symbol(payload) == ""
