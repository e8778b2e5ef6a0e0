"""Readers: the records that a file becomes, byte for byte, and what the transformer's provider reads in them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher import headers
from services.fetcher.protocol import Output, Reader, TooLarge
from services.fetcher.readers import READERS
from services.fetcher.readers.frames import Frames
from services.fetcher.readers.prices import Prices
from shared import runs
from shared.errors import FileFault
from shared.events import Run, Trade
from shared.partitioning import partition
from shared.providers import PROVIDERS
from shared.topics import RAW_LIMIT
from tests.architecture.sources import ROOT

PRICES = Run("prices-1", "prices", "running", "binance", 0, 0)
FRAMES = Run("frames-1", "frames", "running", "coinbase", 0, 0)
HEADER = b"time,price,size,symbol=BTC-USDT,zone=UTC\n"
KEY = b"binance|BTC-USDT"


def prices(symbol: str | None = "BTC-USDT", columns: dict[str, str] | None = None, header: list[str] | None = None) -> Prices:
    return Prices(PRICES, runs.PricesRequest("/f.csv", symbol=symbol, columns=columns or {}, header=header or []))


def frames(provider: str = "coinbase") -> Frames:
    return Frames(FRAMES, runs.FramesRequest("/f.txt", provider))


def outputs(reader: Reader, *chunks: bytes) -> list[Output]:
    return [output for chunk in chunks for output in reader.feed(chunk)] + list(reader.end())


def faults(read: Sequence[Output]) -> list[str]:
    return [str(output) for output in read if isinstance(output, FileFault)]


def test_a_row_becomes_a_file_of_its_own() -> None:
    assert outputs(prices(), b"time,price,qty\r\n1610064000278,39432.48,0.000263\r\n") == [
        (partition(KEY, 12), KEY, HEADER + b"1610064000278,39432.48,0.000263", [("run", b"prices-1:2:0")])
    ]


def test_what_a_row_became_parses_as_the_row() -> None:
    (item,) = outputs(prices(), b'time,price,qty,note\n"1610064000278","39432.48",0.5,"two\nlines"\n', b"")
    assert isinstance(item, tuple)
    (trade,) = PROVIDERS["prices-csv"].parse(item[2])
    assert isinstance(trade, Trade)
    assert (trade.symbol, trade.event_time, trade.price) == ("BTC-USDT", 1_610_064_000_278_000, Decimal("39432.48"))


def test_identical_rows_directly_after_one_another_are_counted() -> None:
    rows = b"1,5,1\n1,5,1\n\n1,5,1\n2,5,1\n1,5,1\n"
    read = outputs(prices(), b"time,price,size\n" + rows)
    assert [item[3][0][1] for item in read if isinstance(item, tuple)] == [
        b"prices-1:2:0",
        b"prices-1:3:1",
        b"prices-1:5:2",
        b"prices-1:6:0",
        b"prices-1:7:0",
    ]


@given(st.lists(st.integers(0, 200), max_size=8))
def test_the_cut_of_the_chunks_never_shows(cuts: list[int]) -> None:
    data = b"\xef\xbb\xbfsym,time,price,size\r\na,1,5,1\r\na,1,5,1\r\n" + b'"b",2,"5\n",1\r\n\r\nc,3,5\n\xff\xfe,4,5,6'
    at = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(at)]
    assert outputs(prices(None, {"symbol": "sym"}), *pieces) == outputs(prices(None, {"symbol": "sym"}), data)


def test_the_symbol_of_a_row_keys_it_as_the_row_writes_it() -> None:
    read = outputs(prices(None), b'time,symbol,price\n1, BTC-USD ,5\n2,"ETH-USD",5\n3\n4,' + b"x" * 200 + b",5\n")
    assert [item[1] for item in read if isinstance(item, tuple)] == [b"binance|BTC-USD", b"binance|ETH-USD", b"binance|", b"binance|"]


def test_names_may_be_given_for_a_file_without_a_header() -> None:
    read = outputs(prices(header=["time", "price", "size"]), b"\xef\xbb\xbf1,5,1\n2,5,1\n")
    assert [item[2:] for item in read if isinstance(item, tuple)] == [
        (HEADER + b"1,5,1", [("run", b"prices-1:1:0")]),
        (HEADER + b"2,5,1", [("run", b"prices-1:2:0")]),
    ]


def test_wrong_bytes_in_a_row_are_published_as_they_are() -> None:
    (item,) = outputs(prices(), b"time,price,size\n1,\xff\xfe,1\n")
    assert isinstance(item, tuple)
    assert item[2] == HEADER + b"1,\xff\xfe,1"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n\r\n"])
def test_an_empty_file_is_a_fault(data: bytes) -> None:
    assert faults(outputs(prices(), data)) == ["the file is empty"]


def test_a_header_without_rows_is_a_file_without_rows() -> None:
    assert outputs(prices(), b"time,price\n") == []


def test_a_header_of_very_many_columns_is_refused_before_its_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "names", lambda _: pytest.fail("read"))
    wide = b",".join(b"c%d" % n for n in range(100_000))
    assert faults(prices().feed(wide + b"\n1\n")) == ["line 1: the first line has more than 16,384 bytes; is this a CSV file?"]


def test_a_row_above_the_limit_is_not_published_whole() -> None:
    long = b"1," + b"5" * (RAW_LIMIT + 1)
    (read,) = outputs(prices(), b"time,price\n", long, b"\n")
    assert read == TooLarge(partition(KEY, 12), KEY, [("run", b"prices-1:2:0")], 2, len(long), sha256(long).hexdigest(), long[:1024])


def test_the_largest_row_that_is_published_fits_the_topic() -> None:
    for size in range(RAW_LIMIT - 16 * 1024 - 2, RAW_LIMIT - 16 * 1024 + 3):
        (read,) = outputs(prices(), b"time,price\n", b"5" * size + b"\n")
        assert isinstance(read, TooLarge) or (isinstance(read, tuple) and len(read[2]) <= RAW_LIMIT)


def test_frames_are_published_as_recorded_and_connection_lines_are_counted() -> None:
    reader = frames()
    read = outputs(
        reader,
        b"wss://ws-feed.pro.coinbase.com <-> 1618677816.8434298\n",
        b'wss://ws-feed.pro.coinbase.com <- 1618677817.020616: {"type":"subscribe"}\n',
        b'1618677817.061845: {"type":"subscriptions"}\n',
        b'1618677817.079694: {"type":"ticker","product_id":"BAND-GBP"}\n' * 2,
    )
    assert [item[1:] for item in read if isinstance(item, tuple)] == [
        (b"coinbase", b'1618677817.061845: {"type":"subscriptions"}', [("run", b"frames-1:3:0")]),
        (b"coinbase|BAND-GBP", b'1618677817.079694: {"type":"ticker","product_id":"BAND-GBP"}', [("run", b"frames-1:4:0")]),
        (b"coinbase|BAND-GBP", b'1618677817.079694: {"type":"ticker","product_id":"BAND-GBP"}', [("run", b"frames-1:5:1")]),
    ]
    assert reader.note() == "2 connection lines skipped"


def test_a_frame_above_the_limit_keeps_its_key() -> None:
    frame = b'1618677817.079694: {"type":"ticker","product_id":"BAND-GBP","x":"' + b"x" * RAW_LIMIT + b'"}'
    (read,) = outputs(frames(), frame)
    assert isinstance(read, TooLarge)
    assert (read.key, read.length) == (b"coinbase|BAND-GBP", len(frame))


def test_a_session_in_utf_16_and_an_empty_one_are_faults() -> None:
    assert faults(outputs(frames(), "1618677817.0: {}\n".encode("utf-16")))[0].startswith("line 1: the file is UTF-16")
    assert faults(outputs(frames(), b"\n")) == ["the file is empty"]


def test_the_registry_holds_what_the_folder_holds() -> None:
    folder = ROOT / "services" / "fetcher" / "readers"
    assert set(READERS) == {path.stem for path in folder.glob("*.py")} - {"__init__"}
