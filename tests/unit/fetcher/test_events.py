"""Files of operational events: whatever the form and however the bytes are cut, each event is one record with its own bytes."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.protocol import Output, TooLarge
from services.fetcher.readers import events as reader
from services.fetcher.readers.events import Events
from shared.errors import FileFault
from shared.events import Run
from shared.partitioning import partition
from shared.runs import EventsRequest

RUN = Run("events-1", "events", "running", "events", 0, 0)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.lists(st.dictionaries(st.text() | st.just("service"), values, max_size=4), max_size=8)


def outputs(data: bytes, *cuts: int) -> list[Output]:
    subject = Events(RUN, EventsRequest("x"))
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    found: list[Output] = []
    for start, end in pairwise(edges):
        found += subject.feed(data[start:end])
    return found + list(subject.end())


def read(data: bytes, *cuts: int) -> list[tuple[bytes, bytes]]:
    """Value and place of every record."""
    found = []
    for output in outputs(data, *cuts):
        assert isinstance(output, tuple), output
        number, key, payload, headers = output
        assert number == partition(key, 12)
        found.append((payload, headers[0][1]))
    return found


def fault(data: bytes, *cuts: int) -> str:
    (*_, last) = outputs(data, *cuts)
    assert isinstance(last, FileFault)
    return str(last)


@settings(deadline=None)
@given(objects, st.lists(st.integers(0, 2000), max_size=6), st.sampled_from([None, 0, 2]), st.booleans())
def test_an_array_s_elements_are_told_apart_however_it_is_written_and_cut(
    given_objects: list[Any], cuts: list[int], indent: int | None, escaped: bool
) -> None:
    text = json.dumps(given_objects, indent=indent, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    found = read(b"\xef\xbb\xbf \n" + text + b"\n ", *cuts)
    assert [json.loads(payload.decode("utf-8", "surrogatepass")) for payload, _ in found] == given_objects
    assert len({place for _, place in found}) == len(found)
    lines = (b"\n" + text).split(b"\n")
    for payload, place in found:
        assert payload.split(b"\n")[0] in lines[int(place.split(b":")[1]) - 1]


@settings(deadline=None)
@given(objects.filter(bool), st.lists(st.integers(0, 2000), max_size=6))
def test_lines_are_records_as_they_are(given_objects: list[Any], cuts: list[int]) -> None:
    lines = [json.dumps(found).encode() for found in given_objects]
    assert read(b"\r\n\n".join(lines), *cuts) == [(line, b"events-1:%d:0" % (2 * n + 1)) for n, line in enumerate(lines)]


def test_a_row_of_csv_goes_behind_its_header_and_is_keyed_by_its_service() -> None:
    data = b'event_id,Service\n1," Check\nOut"\n2,search\n'
    found = outputs(data, 5, 25)
    assert [output[1:3] for output in found if isinstance(output, tuple)] == [
        (b"unknown", b'event_id,Service\n1," Check\nOut"'),
        (b"search", b"event_id,Service\n2,search"),
    ]


def test_what_cannot_be_read_at_all_is_said() -> None:
    assert fault(b"") == "the file is empty"
    assert fault(b" \n ") == "the file is empty"
    assert fault(b'[{"a":1},\n{"b":[', 3, 11) == "line 2: the file ends inside the array: an element or the array itself is not closed"
    assert fault(b'[{"a":1}]\n{"b":1}', 10) == "line 2: something follows the end of the array"
    assert fault(b"a,b\n1,2\n").startswith("line 1: the header 'a,b' names none of duration_us, event_id,")
    assert fault(b"event_id,EVENT_ID\n1,2\n") == "line 1: the header has the column 'event_id' more than once"
    assert "UTF-16" in fault("event_id,service\n".encode("utf-16"))
    assert "separated by semicolons" in fault(b"event_id;service\n1;2\n")


def test_an_element_that_no_topic_takes_is_kept_by_its_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "RAW_LIMIT", 16 * 1024 + 100)
    data = b'[{"a":1},\n {"b":"' + b"x" * 200 + b'"},{"c":2}]'
    for cuts in ((), (40,), tuple(range(0, 220, 7))):
        first, large, last = outputs(data, *cuts)
        assert isinstance(first, tuple)
        assert isinstance(last, tuple)
        assert isinstance(large, TooLarge)
        assert (large.line, large.length, large.head.lstrip()) == (2, 210, b'{"b":"' + b"x" * 200 + b'"}')
        assert last[2:] == (b'{"c":2}', [("run", b"events-1:2:1")])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-16"])
@pytest.mark.parametrize("text", ['[{"event_id":"1"}]', '{"event_id":"1"}\n', "event_id,service\n1,s\n"])
def test_wide_characters_are_said_to_be_that(encoding: str, text: str) -> None:
    reader = Events(Run("events-1", "events", "running", "events", 1, 1), EventsRequest("x"))
    found = [*reader.feed(text.encode(encoding)), *reader.end()]
    assert isinstance(found[0], FileFault)
    assert "UTF-16 or UTF-32" in str(found[0])
