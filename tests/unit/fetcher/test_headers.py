"""Headers brought to our names: whatever the file calls its columns, `prices_csv` reads the result, or the fault says what to do."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher import headers
from shared.errors import FileFault
from shared.providers.prices_csv import COLUMNS, layout

NAMES = st.lists(st.one_of(st.sampled_from([a for aliases in COLUMNS.values() for a in aliases]), st.text(max_size=8)), max_size=6)


def canonical(header: str, *, symbol: str | None = "BTC-USDT", timezone: str = "UTC", **columns: str) -> str:
    return headers.canonical(headers.names(header), columns=columns, symbol=symbol, timezone=timezone)


def fault(header: str, *, symbol: str | None = "BTC-USDT", timezone: str = "UTC", **columns: str) -> str:
    with pytest.raises(FileFault) as raised:
        canonical(header, symbol=symbol, timezone=timezone, **columns)
    return str(raised.value)


def test_recognised_columns_get_our_names() -> None:
    assert canonical("trade_id,price,quantity,time,is_buyer_maker") == "trade_id,price,size,time,is_buyer_maker,symbol=BTC-USDT,zone=UTC"
    assert canonical("Timestamp,Best_Bid,Best_Ask,Pair", symbol=None) == "time,bid,ask,symbol,zone=UTC"


def test_a_mapping_names_columns_that_are_not_recognised() -> None:
    assert canonical("when,px,n", price="px", size="n", time="when") == "time,price,size,symbol=BTC-USDT,zone=UTC"


def test_a_mapping_wins_over_a_recognised_name() -> None:
    assert canonical("time,price,px2", price="px2") == "time,_price,price,symbol=BTC-USDT,zone=UTC"


def test_a_given_symbol_takes_the_place_of_the_column() -> None:
    assert canonical("time,price,symbol", symbol="eth_usd") == "time,price,_symbol,symbol=ETH-USD,zone=UTC"


def test_unused_columns_cannot_be_read_as_ours_or_as_constants() -> None:
    assert canonical('time,price,"a,b",side=buy,zone,,x y') == "time,price,a_b,side_buy,_zone,_,x_y,symbol=BTC-USDT,zone=UTC"


def test_a_zone_is_a_constant() -> None:
    assert canonical("time,price", timezone="America/New_York").endswith(",zone=America/New_York")


@given(NAMES, st.sampled_from([None, "BTC-USD"]))
def test_whatever_is_accepted_is_one_line_that_the_provider_reads(given_names: list[str], symbol: str | None) -> None:
    try:
        line = headers.canonical(given_names, columns={}, symbol=symbol, timezone="UTC")
    except FileFault:
        return
    assert "\n" not in line
    found = layout(next(csv.reader([line])))
    assert found.width == len(given_names)
    assert found.constants == {"zone": "UTC"} | ({"symbol": symbol} if symbol else {})


@given(st.permutations(["time", "price", "size", "side", "trade_id", "note"]))
def test_the_order_of_the_columns_is_the_file_s(order: list[str]) -> None:
    assert canonical(",".join(order)).split(",")[: len(order)] == order


LOOKS_LIKE_DATA = (
    "line 1: '553287559,39432.48,0.000263,1610064000278,true' looks like data, not like a header; "
    "name the columns with --header time,price,size,…"
)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("time,size", "line 1: the header 'time,size' has no column for price; name it with --column price=NAME"),
        ("time,bid,x", "line 1: the header 'time,bid,x' has no column for ask; name it with --column ask=NAME"),
        ("time;price", "line 1: the header 'time;price' is separated by semicolons; only commas are read"),
        ("time\tprice", "line 1: the header 'time\\tprice' is separated by tabs; only commas are read"),
        ("time,price\r1,2\r", "line 1: the lines end with CR alone; convert them to LF"),
        ('time,"price', "line 1: the header 'time,\"price' is no CSV: unexpected end of data"),
        (
            "553287559,39432.48,0.000263,1610064000278,true",
            LOOKS_LIKE_DATA,
        ),
        (
            "time,ts,price",
            "line 1: columns 1 ('time') and 2 ('ts') of the header both mean time; choose one with --column time=NAME",
        ),
    ],
)
def test_a_fault_says_what_is_wrong_and_what_to_do(header: str, message: str) -> None:
    assert fault(header) == message


def test_a_missing_symbol_can_be_given() -> None:
    assert fault("time,price", symbol=None) == (
        "line 1: the header 'time,price' has no column for symbol; name it with --column symbol=NAME or give --symbol"
    )


def test_wrong_options_are_named() -> None:
    assert fault("time,price", symbol="a b") == "--symbol: symbol 'a b' is neither BASE-QUOTE (BTC-USD) nor a ticker (AAPL)"
    assert fault("time,price", timezone="Mars/Olympus") == ("--timezone 'Mars/Olympus' is no IANA time zone, like UTC or America/New_York")
    assert fault("time,price", cost="price").startswith("--column cost=price: 'cost' is none of ask, ask_size, bid,")
    assert fault("time,price", price="px") == "line 1: the header 'time,price' has no column 'px' (--column price=px)"


def test_the_first_line_is_utf_8_with_or_without_a_byte_order_mark() -> None:
    assert headers.text(b"\xef\xbb\xbftime,price") == "time,price"
    for wide in ("time,price".encode("utf-16"), "time,price".encode("utf-16-le")):
        with pytest.raises(FileFault, match="line 1: the file is UTF-16 or UTF-32, not UTF-8; convert it"):
            headers.text(wide)
    with pytest.raises(FileFault, match="line 1: byte 0xe9 at 5 of the header is not UTF-8"):
        headers.text("time,é".encode("latin-1") + b",price")
