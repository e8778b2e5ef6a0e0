"""Splitting bytes into rows: the cut of the chunks never shows, and for well-formed input the rows are those that Python's csv reads."""

from __future__ import annotations

import csv
import io
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.rows import Line, Oversized, Split, Splitter, ends_inside_quotes
from shared.errors import FileFault

CUTS = st.lists(st.integers(0, 400), max_size=12)
FIELD = st.text('ab1,"\n\r é', max_size=6)
TABLES = st.lists(st.lists(FIELD, min_size=2, max_size=4), min_size=1, max_size=8)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(at)]


def split(
    data: bytes, cuts: list[int] | None = None, *, quoted: bool = True, limit: int = 10_000, quoted_limit: int = 5_000
) -> list[Split]:
    splitter = Splitter(quoted=quoted, limit=limit, quoted_limit=quoted_limit)
    out: list[Split] = []
    for chunk in chunks(data, cuts or []):
        out += splitter.feed(chunk)
    return out + splitter.end()


def lines(rows: list[Split]) -> list[Line]:
    return [row for row in rows if not isinstance(row, Oversized | FileFault)]


def told(rows: list[Split]) -> list[object]:
    return [str(row) if isinstance(row, FileFault) else row for row in rows]


@given(st.text('ab,"\n\r', max_size=120), CUTS, st.booleans())
def test_any_cut_of_the_bytes_gives_the_same_rows(text: str, cuts: list[int], quoted: bool) -> None:
    data = text.encode()
    assert told(split(data, cuts, quoted=quoted, limit=20, quoted_limit=25)) == told(split(data, quoted=quoted, limit=20, quoted_limit=25))


@given(TABLES, CUTS, st.sampled_from(["\n", "\r\n"]))
def test_well_formed_rows_are_those_that_csv_reads(table: list[list[str]], cuts: list[int], end: str) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    rows = split(written.getvalue().encode(), cuts)
    assert [next(csv.reader([row[1].decode()])) for row in lines(rows)] == table


@given(TABLES, CUTS)
def test_minimal_quotes_are_read_as_csv_reads_them(table: list[list[str]], cuts: list[int]) -> None:
    plain = [[field.replace("\r", "") for field in fields] for fields in table]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(plain)
    rows = split(written.getvalue().encode(), cuts)
    assert [next(csv.reader([row[1].decode()])) for row in lines(rows)] == plain


@given(st.text('ab,"\n', max_size=80))
def test_a_row_starts_on_the_line_it_names(text: str) -> None:
    data = text.encode()
    physical = data.split(b"\n")
    for line, row in lines(split(data)):
        assert b"\n".join(physical[line - 1 :]).startswith(row)


def test_lines_end_with_lf_or_crlf_and_the_last_may_have_no_end() -> None:
    assert split(b"a,b\r\n1,2\n3,4\r\n5,6") == [(1, b"a,b"), (2, b"1,2"), (3, b"3,4"), (4, b"5,6")]


def test_empty_lines_are_no_rows_but_count_as_lines() -> None:
    assert split(b"\n\r\na\n\n\nb\n\n") == [(3, b"a"), (6, b"b")]


def test_a_newline_inside_quotes_belongs_to_the_row() -> None:
    assert split(b'a\n"x\r\ny",2\r\nb\n') == [(1, b"a"), (2, b'"x\r\ny",2'), (4, b"b")]


def test_frames_are_split_at_every_newline() -> None:
    assert split(b'1.0: {"a":"\n2.0: "}\n', quoted=False) == [(1, b'1.0: {"a":"'), (2, b'2.0: "}')]


def test_a_quote_inside_an_unquoted_field_is_a_character() -> None:
    assert split(b'5" pipe,1\nb,2\n') == [(1, b'5" pipe,1'), (2, b"b,2")]


def test_a_quote_that_never_closes_names_its_line() -> None:
    rows = split(b'a,b\n1,2\n3,"4\n5,6\n')
    assert rows[:2] == [(1, b"a,b"), (2, b"1,2")]
    assert told(rows[2:]) == ["line 3: a quote opens there that is not closed before the end of the file"]


def test_a_quote_that_does_not_close_in_time_names_its_line_and_ends_the_rows() -> None:
    rows = split(b'a,b\n3,"4\n' + b"x,y\n" * 50 + b'"\n1,2\n', quoted_limit=100)
    assert told(rows[1:]) == ["line 2: a quote opens there that is not closed within 100 bytes"]


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_row_above_the_limit_is_hashed_and_not_held(quoted: bool, end: bytes) -> None:
    long = b"x" * 5000
    wanted = Oversized(2, 5000, sha256(long).hexdigest(), long[:1024])
    for cuts in ([], [3, 700, 1400, 4999, 5002, 5003], list(range(0, 5010, 100))):
        assert split(b"a\n" + long + end, cuts, quoted=quoted, limit=1000) == [(1, b"a"), wanted]


def test_a_row_of_exactly_the_limit_is_kept() -> None:
    assert split(b"x" * 1000 + b"\r\n" + b"y" * 1001 + b"\r\n", limit=1000)[0] == (1, b"x" * 1000)
    assert isinstance(split(b"y" * 1001 + b"\r\n", limit=1000)[0], Oversized)


def test_memory_is_bounded_whatever_the_length_of_a_line() -> None:
    splitter = Splitter(quoted=False, limit=1000)
    for _ in range(100):
        assert splitter.feed(b"x" * 1000) == []
        assert sum(map(len, splitter._held)) <= 2001
    assert [row.length for row in splitter.feed(b"\n") if isinstance(row, Oversized)] == [100_000]


@pytest.mark.parametrize(
    ("line", "inside", "after"),
    [(b'"a', False, True), (b'a"', True, False), (b'a""', True, True), (b'"a""b"', False, False), (b'a,"', False, True), (b"", True, True)],
)
def test_quotes_open_at_the_start_of_a_field_only(line: bytes, inside: bool, after: bool) -> None:
    assert ends_inside_quotes(line, inside) is after
