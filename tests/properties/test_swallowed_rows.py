"""Rows with stray quotes: each physical line of a file is stored, part of a stored row, or named by a rejection.

Invariant: what a reader publishes is read here as the transformer reads it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.fetcher.protocol import Output, TooLarge
from services.fetcher.readers.events import Events
from services.fetcher.readers.prices import Prices
from services.fetcher.timed import Rows
from shared import raw, runs
from shared.errors import FileFault, Rejected
from shared.events import Origin, Run
from shared.ops import raw as ops_raw
from shared.records import RUN_HEADER, Row, Stored
from shared.trading import raw as trading_raw

ORIGIN = Origin(1, 0, 0)
SECOND = 1_000_000
NOTES = st.text('"a, x', max_size=4)


class Kind(NamedTuple):
    """A kind of file: its header, and a good row with a column that nobody reads."""

    header: str
    row: str


KINDS = {
    "prices": Kind("time,price,size,note", "1610064000278,5,1,{}"),
    "events": Kind("event_id,service,event_type,timestamp,note", "e{n},s,t,2026-01-05T14:30:00Z,{}"),
    "orders": Kind(
        "order_id,symbol,side,quantity,limit_price,timestamp,destination,note",
        "O{n},KO,buy,1,,2026-01-05T14:30:00Z,X,{}",
    ),
}


def published(kind: str, data: bytes) -> list[Output]:
    run_id = f"{kind}-1"
    if kind == "orders":
        return timed(Rows(run_id, "orders", "UTC"), data)
    run = Run(run_id, kind, "running", "binance", 1, 1)  # type: ignore[arg-type]
    given: Any = runs.PricesRequest("x", symbol="BTC-USDT") if kind == "prices" else runs.EventsRequest("x")
    reader = Prices(run, given) if kind == "prices" else Events(run, given)
    return [*reader.feed(data), *reader.end()]


def timed(rows: Rows, data: bytes) -> list[Output]:
    """Line by line, since a fault is raised and takes the rows of its piece with it."""
    found: list[Output] = []
    try:
        for line in data.splitlines(keepends=True):
            found += [output for _, output in rows.feed(line)]
        found += [output for _, output in rows.end()]
    except FileFault as fault:
        found.append(fault)
    return found


def read(kind: str, record: Stored) -> None:
    """Raises what the transformer rejects."""
    if kind == "prices":
        (value,) = raw.read(record).parse()
        if isinstance(value, Rejected):
            raise value
    elif kind == "events":
        ops_raw.read(record).event(ORIGIN, SECOND)
    else:
        trading_raw.read(record).event(ORIGIN, SECOND)


def accounted(kind: str, data: bytes) -> tuple[set[int], set[int], int | None]:
    """Lines of stored rows, lines that rejections name, and the line from which on the file is refused."""
    stored: set[int] = set()
    rejected: set[int] = set()
    for output in published(kind, data):
        if isinstance(output, FileFault):
            return stored, rejected, int(re.findall(r"line (\d+)", str(output))[0])
        assert not isinstance(output, TooLarge)
        number, key, value, headers = output
        row = Row.parse(dict(headers)[RUN_HEADER])
        assert row is not None
        try:
            read(kind, Stored(number, 0, 1_800_000_000_000, key, value, headers))
        except Rejected as fault:
            named = re.match(r"lines (\d+)-(\d+): ", fault.message)
            first, last = (int(named[1]), int(named[2])) if named else (row.line, row.line)
            rejected |= set(range(first, last + 1))
        else:
            stored |= set(range(row.line, row.line + (value or b"").count(b"\n")))
    return stored, rejected, None


def file(kind: str, notes: list[str]) -> bytes:
    header, row = KINDS[kind]
    return "\n".join([header, *(row.format(note, n=n) for n, note in enumerate(notes))]).encode() + b"\n"


@pytest.mark.parametrize("kind", KINDS)
@given(notes=st.lists(NOTES, min_size=1, max_size=8))
@example(notes=["x", '"a', "y", '"a', "z"])
@example(notes=['"a"b,"c', "y", "z"])
def test_no_line_is_swallowed(kind: str, notes: list[str]) -> None:
    stored, rejected, refused = accounted(kind, file(kind, notes))
    lines = set(range(2, len(notes) + 2))
    assert stored | rejected | ({line for line in lines if line >= refused} if refused else set()) == lines
    assert not stored & rejected


@pytest.mark.parametrize("kind", KINDS)
def test_a_stray_quote_in_two_lines_is_one_bad_row_that_names_them(kind: str) -> None:
    assert accounted(kind, file(kind, ["x", '"a', "y", '"a', "z"])) == ({2, 6}, {3, 4, 5}, None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_legal_line_end_in_quotes_is_read(kind: str) -> None:
    assert accounted(kind, file(kind, ["x", '"a\nb ""c"""', "y"])) == ({2, 3, 4, 5}, set(), None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_does_not_take_rows_into_a_name(kind: str) -> None:
    header, row = KINDS[kind]
    data = f'{header[:-4]}"note\n{row.format("x", n=1)}\n{row.format("y", n=2)}"\n'.encode()
    with pytest.raises(FileFault, match="a header is one line"):
        raise next(output for output in published(kind, data) if isinstance(output, FileFault))
