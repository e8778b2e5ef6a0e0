"""Bad input: what is wrong with the file fails its run with a message that says what and where; what is wrong with a row goes on."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from shared.records import header
from shared.settings import Kafka
from shared.topics import DEAD_LETTERS, RAW_LIMIT
from tests.fixtures import runs

GOOD = b"time,price,size\n1610064000278,5,1\n"
Write = Callable[[Path], object]


def content(data: bytes) -> Write:
    return lambda path: path.write_bytes(data)


FAULTS: dict[str, tuple[Write, str]] = {
    "missing columns": (
        content(b"time,size\n1,1\n"),
        "line 1: the header 'time,size' has no column for price; name it with --column price=NAME",
    ),
    "semicolons": (content(b"time;price\n1;1\n"), "line 1: the header 'time;price' is separated by semicolons; only commas are read"),
    "empty": (content(b""), "the file is empty"),
    "empty gzip": (content(gzip.compress(b"")), "the file is empty"),
    "empty lines": (content(b"\r\n\n"), "the file is empty"),
    "utf-16": (
        content(GOOD.decode().encode("utf-16")),
        "line 1: the file is UTF-16 or UTF-32, not UTF-8; convert it, for example with `iconv -f UTF-16 -t UTF-8`",
    ),
    "latin-1 header": (content("time,price,é\n".encode("latin-1")), "line 1: byte 0xe9 at 11 of the header is not UTF-8"),
    "truncated gzip": (
        content(gzip.compress(GOOD)[:15]),
        "line 1: the gzip stream is truncated: it ends before its end mark",
    ),
    "no header": (
        content(b"1610064000278,5,1\n"),
        "line 1: '1610064000278,5,1' looks like data, not like a header; name the columns with --header time,price,size,…",
    ),
    "folder": (lambda path: path.mkdir(), "{path} is not a regular file"),
    "absent": (lambda path: None, "cannot open {path}: No such file or directory"),
    "outside": (
        lambda path: path.symlink_to("/etc/hostname"),
        "/etc/hostname is outside the folders the fetcher may read ({folder}); add its folder to FETCHER__ALLOWED_FOLDERS",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_file_level_fault_fails_the_run_and_publishes_nothing(name: str, kafka_settings: Kafka, tmp_path: Path) -> None:
    write, message = FAULTS[name]
    path = tmp_path / "file.csv"
    write(path)
    run = runs.prices(path)
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path):
        last = await runs.ended(kafka_settings, run.run_id)
    assert (last.status, last.message) == ("failed", message.format(path=path, folder=tmp_path))
    assert await runs.rows(kafka_settings) == []
    assert await runs.markers(kafka_settings) == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(GOOD + b"1610064000279,5,1\n" * 200_000)[:-20], "the gzip stream is truncated: it ends before its end mark"),
        (GOOD + b'1610064000279,"5,1\n', "a quote opens there that is not closed before the end of the file"),
    ],
    ids=["truncated gzip", "open quote"],
)
async def test_a_fault_in_the_middle_aborts_the_run_behind_its_rows(
    data: bytes, message: str, kafka_settings: Kafka, tmp_path: Path
) -> None:
    (tmp_path / "file.csv").write_bytes(data)
    run = runs.prices(tmp_path / "file.csv")
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path):
        last = await runs.ended(kafka_settings, run.run_id)
    message = f"line {last.sent + 2}: {message}"
    assert (last.status, last.message) == ("failed", message)
    found = await runs.rows(kafka_settings)
    assert len(found) == last.sent >= 1
    ((number, (marker,)),) = (await runs.markers(kafka_settings)).items()
    assert number == found[0][0]
    assert (marker.status, marker.sent, marker.message) == ("aborted", last.sent, message)


async def test_odd_files_that_are_right_are_read(kafka_settings: Kafka, tmp_path: Path) -> None:
    """A BOM, CRLF, quoted newlines, wrong bytes in a row, gzip under another name, no newline at the end."""
    data = b'\xef\xbb\xbftime,price,size,note\r\n1610064000278,5,1,a\r\n\r\n1610064000279,5,1,"b\r\nc"\r\n1610064000280,\xff,1,d'
    (tmp_path / "odd.csv").write_bytes(gzip.compress(data))
    run = runs.prices(tmp_path / "odd.csv")
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path):
        assert (await runs.ended(kafka_settings, run.run_id)).status == "published"
    line = b"time,price,size,note,symbol=BTC-USDT,zone=UTC\n"
    assert [(row.line, value) for _, _, value, row in await runs.rows(kafka_settings)] == [
        (2, line + b"1610064000278,5,1,a"),
        (4, line + b'1610064000279,5,1,"b\r\nc"'),
        (6, line + b"1610064000280,\xff,1,d"),
    ]


async def test_a_row_above_the_limit_is_dead_lettered_and_the_rest_goes_on(kafka_settings: Kafka, tmp_path: Path) -> None:
    long = b"1610064000279," + b"5" * RAW_LIMIT + b",1"
    (tmp_path / "long.csv").write_bytes(GOOD + long + b"\n1610064000280,5,1\n")
    run = runs.prices(tmp_path / "long.csv")
    await runs.ask(kafka_settings, run)
    async with runs.fetching(kafka_settings, tmp_path):
        assert (await runs.ended(kafka_settings, run.run_id)).sent == 2
    assert [row.line for _, _, _, row in await runs.rows(kafka_settings)] == [2, 4]
    ((marker,),) = (await runs.markers(kafka_settings)).values()
    assert (marker.sent, marker.rejected) == (2, 1)
    (letter,) = await runs.records(kafka_settings, DEAD_LETTERS)
    assert (letter.key, letter.value) == (b"binance|BTC-USDT", long[:1024])
    assert header(letter.headers, "run") == f"{run.run_id}:3:0".encode()
    assert header(letter.headers, "error_reason") == b"too_large"
    assert header(letter.headers, "origin") == f"fetcher/{run.run_id}/3".encode()
    digest = sha256(long).hexdigest()
    assert header(letter.headers, "error_message") == f"the row has {len(long):,} bytes, the limit is 10,485,760; sha256 {digest}".encode()
