"""Pages of past trades as the venues send them, and where they are asked for; the same trade is the same by stream and by page."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events import Trade
from shared.providers import PROVIDERS
from shared.raw import Raw, read
from shared.records import TAPE_PAGE, response_headers
from shared.tape import TAPES, Wanted, ids_of, numbers

SAMPLES = {
    "binance": (
        "BTCUSDT",
        b'{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,"p":"16549.10","q":"0.5","T":1672515782136,"m":true,"M":true}',
        b'[{"id":12345,"price":"16549.10","qty":"0.5","quoteQty":"8274.55","time":1672515782136,"isBuyerMaker":true,"isBestMatch":true}]',
    ),
    "coinbase": (
        "BTC-USD",
        b'{"type":"match","trade_id":10,"side":"sell","size":"5.23512","price":"400.23","product_id":"BTC-USD","time":"2014-11-07T08:19:27.0284Z"}',
        b'[{"trade_id":10,"side":"sell","size":"5.23512","price":"400.23","time":"2014-11-07T08:19:27.0284Z"}]',
    ),
    "kraken": (
        "BTC/USD",
        b'{"channel":"trade","data":[{"symbol":"BTC/USD","side":"buy","price":30243.4,"qty":0.345,"trade_id":61,"timestamp":"2023-07-06T18:33:17.827736Z"}]}',
        b'{"error":[],"result":{"XXBTZUSD":[["30243.4","0.345",1688668397.8277369,"b","m","",61]],"last":"1688671969993150842"}}',
    ),
}
WANTED = Wanted("", "", 101, 105, 1_688_668_397_827_736)


@pytest.mark.parametrize("venue", SAMPLES)
def test_a_page_and_the_stream_give_the_same_trade(venue: str) -> None:
    native, frame, page = SAMPLES[venue]
    (streamed,) = PROVIDERS[venue].parse(frame)
    (paged,) = TAPES[venue].parse(page, native)
    assert paged == streamed
    assert isinstance(streamed, Trade)
    assert list(ids_of(venue)(frame)) == [(native, streamed.sequence, streamed.event_time)]


@pytest.mark.parametrize(
    ("venue", "native", "channel", "page", "following", "newest"),
    [
        (
            "binance", "BTCUSDT", "trade", "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=101&limit=5",
            "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=8&limit=1000", "/api/v3/historicalTrades?symbol=BTCUSDT&limit=1",
        ),
        (
            "binance", "BTCUSDT", "aggTrade", "/api/v3/aggTrades?symbol=BTCUSDT&fromId=101&limit=5",
            "/api/v3/aggTrades?symbol=BTCUSDT&fromId=8&limit=1000", "/api/v3/aggTrades?symbol=BTCUSDT&limit=1",
        ),
        (
            "coinbase", "BTC-USD", "matches", "/products/BTC-USD/trades?after=106&limit=5",
            "/products/BTC-USD/trades?before=7&limit=1000", "/products/BTC-USD/trades?limit=1",
        ),
        (
            "kraken", "BTC/USD", "trade", "/0/public/Trades?pair=XBTUSD&since=1688668397827735999&count=12",
            "/0/public/Trades?pair=XBTUSD&since=9999&count=1000", "/0/public/Trades?pair=XBTUSD&count=1",
        ),
    ],
)  # fmt: skip
def test_exactly_the_range_is_asked_for(venue: str, native: str, channel: str, page: str, following: str, newest: str) -> None:
    tape = TAPES[venue]
    assert tape.page("http://x", WANTED._replace(native=native, channel=channel)).url == f"http://x{page}"
    assert tape.following("http://x", native, channel, 7, 9).url == f"http://x{following}"
    assert tape.newest("http://x", native, channel).url == f"http://x{newest}"


def test_an_aggregate_is_its_own_numbering() -> None:
    page = b'[{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true}]'
    (paged,) = TAPES["binance"].parse(page, "BTCUSDT")
    assert isinstance(paged, Trade)
    assert (paged.trade_id, paged.event_time, paged.side) == ("26129", 1498793709153000, "sell")
    combined = b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"BTCUSDT","a":7,"p":"1","q":"1","T":1498793709153,"m":false}}'
    assert list(ids_of("binance")(combined)) == [("BTCUSDT", 7, 1498793709153000)]


def test_one_bad_trade_of_a_page_is_rejected_alone() -> None:
    rows = [{"trade_id": n, "side": "buy", "size": size, "price": "1", "time": "2014-11-07T08:19:27Z"} for n, size in ((1, "1"), (2, "-1"))]
    good, bad = TAPES["coinbase"].parse(msgspec.json.encode(rows), "BTC-USD")
    assert isinstance(good, Trade)
    assert isinstance(bad, Rejected)


@pytest.mark.parametrize(
    ("venue", "page"),
    [
        ("binance", b'{"code":-1121,"msg":"Invalid symbol."}'),
        ("coinbase", b'{"message":"NotFound"}'),
        ("kraken", b'{"error":["EQuery:Unknown asset pair"]}'),
        ("kraken", b'{"error":[],"result":{"XXBTZUSD":[["1","1",1E400,"b","m"]]}}'),
        ("binance", b"<html>"),
    ],
)
def test_what_is_no_page_is_rejected(venue: str, page: bytes) -> None:
    with pytest.raises(Rejected):
        TAPES[venue].parse(page, SAMPLES[venue][0])


@given(st.sampled_from(sorted(SAMPLES)), st.binary(max_size=300))
def test_whatever_the_bytes_nothing_but_rejected_is_raised(venue: str, payload: bytes) -> None:
    ids_of(venue)(payload)
    with suppress(Rejected):
        TAPES[venue].parse(payload, SAMPLES[venue][0])


@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_frame_counts_as_received_only_if_its_trade_is_taken(venue: str, place: int, damage: bytes) -> None:
    native, frame, _ = SAMPLES[venue]
    broken = frame[: place % len(frame)] + damage + frame[place % len(frame) + 1 :]
    try:
        taken = {value.trade_id for value in PROVIDERS[venue].parse(broken) if isinstance(value, Trade)}
    except Rejected:
        taken = set()
    assert {str(number) for symbol, number, _ in ids_of(venue)(broken) if symbol == native} <= taken


class _Record(msgspec.Struct):
    value: bytes
    key: bytes
    headers: list[tuple[str, bytes]]
    timestamp: int = 1_700_000_000_000
    partition: int = 0
    offset: int = 0


def test_a_page_in_the_log_is_read_by_the_symbol_of_its_key() -> None:
    native, _, page = SAMPLES["binance"]
    headers = response_headers("binance-sim", "http://x", 200, 3, 1, 1_700_000_000_000_000, TAPE_PAGE)
    raw = read(_Record(page, f"binance-sim|{native}".encode(), headers))
    assert (raw.source, raw.page_of) == ("binance-sim", native)
    assert [value.trade_id for value in raw.parse() if isinstance(value, Trade)] == ["12345"]
    with pytest.raises(Rejected, match="past trades"):
        list(Raw("coingecko", page, 0, page_of="x").parse())


PAGES = {
    "binance": b'[{"id":102,"price":"1","qty":"0","time":1499865549590,"isBuyerMaker":true},{"id":103,"price":7,"qty":"1"}]',
    "coinbase": b'[{"trade_id":102,"side":"sell","size":"0","price":"1","time":"2020-03-20T00:22:57.833897Z"},{"trade_id":103,"side":1}]',
    "kraken": b'{"error":[],"result":{"XXBTZUSD":[["1","0",1688669597.8,"b","m","",102],["1",1,1688669598,"b","m","",103]],"last":"1"}}',
}


@pytest.mark.parametrize("venue", PAGES)
def test_a_rejected_trade_of_a_page_is_known_by_its_id(venue: str) -> None:
    """One row has size 0, the other another shape: both are rejected, neither is missing."""
    native = SAMPLES[venue][0]
    found = TAPES[venue].parse(PAGES[venue], native)
    assert [type(value) for value in found] == [Rejected, Rejected]
    assert [trade[:2] for trade in numbers(found)] == [(native, 102), (native, 103)]


FRAMES = {
    "binance": b'{"e":"trade","s":"BTCUSDT","t":102,"p":"1","q":"0","T":1499865549590,"m":true}',
    "coinbase": b'{"type":"match","trade_id":102,"side":"sell","size":"0","price":"1","product_id":"BTC-USD",'
    b'"time":"2014-11-07T08:19:27.028459Z"}',
    "kraken": b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":1,"qty":0,'
    b'"trade_id":102,"timestamp":"2023-09-25T07:49:37.708706Z"}]}',
}


@pytest.mark.parametrize("venue", FRAMES)
def test_a_rejected_trade_of_a_stream_is_final_only_where_no_history_can_be_asked(venue: str) -> None:
    assert [number for _, number, _ in ids_of(venue, final=True)(FRAMES[venue])] == [102]
    assert list(ids_of(venue)(FRAMES[venue])) == []
