"""Any record becomes cells and comes back byte for byte, through a CSV file too; what is no record is refused with a reason."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.cli import lines
from services.cli.feeds import Feed
from shared.archive import text
from shared.records import Stored
from shared.topics import MARKET_RAW, RUNS

data = st.none() | st.binary(max_size=40) | st.text(max_size=40).map(lambda value: value.encode("utf-8", "ignore"))
headers = st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=8), data), max_size=3).map(tuple)
stored = st.builds(Stored, st.integers(0, 11), st.just(0), st.integers(-1, 2**52), data, data, headers)


@given(stored)
def test_a_record_comes_back_from_its_cells(record: Stored) -> None:
    assert text.read(dict(zip(text.COLUMNS, text.row("market.raw.v1", record), strict=True))) == ("market.raw.v1", record)


@given(st.lists(stored, max_size=12), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_gives_each_partition_its_records_in_order(tmp_path: Path, records: list[Stored], by_partition: bool) -> None:
    numbered = [replace(record, offset=number * 3) for number, record in enumerate(records)]
    if by_partition:
        numbered.sort(key=lambda record: record.partition)

    async def one(record: Stored) -> AsyncIterator[list[Stored]]:
        yield [record]

    out = io.StringIO()
    written = [Feed(MARKET_RAW, record.partition, 1, lambda record=record: one(record)) for record in numbered]  # type: ignore[misc]
    assert asyncio.run(lines.export(written, None, None, out)) == len(records)
    path = tmp_path / "records.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    assert lines.feeds(path, [RUNS]) == []
    read = {feed.partition: asyncio.run(everything(feed)) for feed in lines.feeds(path, [])}
    assert read == {n: found for n in range(12) if (found := [record for record in numbered if record.partition == n])}


async def everything(feed: Feed) -> list[object]:
    found = [record async for records in feed.records() for record in records]
    assert len(found) == feed.size
    return list(found)


LINE = 'market.raw.v1,0,1,5,k,text,v,text,"[]"\n'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "line 1: there is no column topic, partition"),
        ("topic,partition\n", "line 1: there is no column offset, timestamp"),
        (LINE + LINE, "line 3: offset 1 of market.raw.v1/0 comes after 1"),
        (LINE.replace("market", "nowhere"), "line 2: there is no nowhere.raw.v1/0"),
        (LINE.replace(",0,1,", ",12,1,"), "line 2: there is no market.raw.v1/12"),
        (LINE.replace(",0,1,", ",0,x,"), "line 2: offset 'x' is no whole number"),
        (LINE.replace("v,text", "v,hex"), "line 2: value_as 'hex' is none of text, base64"),
        (LINE.replace("v,text", "v,null"), "line 2: value_as 'null' is none of text, base64, and null of an empty cell"),
        (LINE.replace("v,text", "v,base64"), "line 2: value 'v' is not base64"),
        (LINE.replace("[]", "{}") + LINE[:10] + "\n", "line 3: 1 cells, the header has 9"),
        (LINE.replace("[]", "[[1,2]]"), "line 2: headers '[[1,2]]' is no JSON array of [name, value]: a name is a string"),
        (LINE.replace("[]", '[[""a"",1]]'), "line 2: headers '[[\"a\",1]]' is no JSON array of [name, value]: a value is a string"),
        (LINE[:-2], "line 2: unexpected end of data"),
    ],
)
def test_what_is_no_record_is_told_with_its_line(tmp_path: Path, body: str, said: str) -> None:
    path = tmp_path / "records.csv"
    head = "" if not body or body.startswith("topic,") else ",".join(text.COLUMNS) + "\n"
    path.write_text(head + body, encoding="utf-8", newline="")
    with pytest.raises(lines.Unreadable) as met:
        lines.feeds(path, [])
    assert str(met.value).startswith(said)
