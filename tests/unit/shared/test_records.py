"""Headers: CloudEvents in binary mode for control records, one header for a row; foreign ones are read without harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.records import Row, cloud_event, control_kind, header


def test_a_control_record_is_a_cloud_event_in_binary_mode() -> None:
    assert cloud_event("heartbeat", source="binance", subject="binance|BTCUSDT", event_id="7", time_us=1_610_064_000_278_000) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"7"),
        ("ce_source", b"/sources/binance"),
        ("ce_type", b"tickplant.heartbeat"),
        ("ce_time", b"2021-01-08T00:00:00.278000Z"),
        ("ce_subject", b"binance|BTCUSDT"),
        ("content-type", b"application/json"),
    ]


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([], None),
        ([("ce_type", b"tickplant.marker")], "marker"),
        ([("traceparent", b"00-1"), ("ce_type", b"tickplant.closed")], "closed"),
        ([("ce_type", b"com.example.trade")], None),
        ([("type", b"tickplant.marker")], None),
        ([("ce_type", b"tickplant.\xff")], "�"),
    ],
)
def test_only_our_own_event_types_are_control_records(headers: list[tuple[str, bytes]], kind: str | None) -> None:
    assert control_kind(headers) == kind


def test_the_first_header_of_a_name_counts() -> None:
    assert header([("a", b"1"), ("b", b"2"), ("b", b"3")], "b") == b"2"
    assert header([("a", b"1")], "b") is None


def test_a_rows_header_is_read_back() -> None:
    row = Row("prices-20210108T000000-3fa9c1", 2001, 3)
    assert row.header() == ("run", b"prices-20210108T000000-3fa9c1:2001:3")
    assert Row.parse(row.header()[1]) == row
    assert Row.parse(b"a:b:1:0") == Row("a:b", 1, 0)


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"x",
        b"prices-1",
        b"prices-1:2",
        b":1:0",
        b"prices-1:x:0",
        b"prices-1:-1:0",
        b"prices-1:1:",
        b"\xff:1:0",
        b"a\x00:1:0",
        b"a:1:" + b"9" * 5000,
    ],
)
def test_a_foreign_header_is_no_row(given: bytes) -> None:
    assert Row.parse(given) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_reading_headers_never_raises(value: bytes) -> None:
    Row.parse(value)
    control_kind([("ce_type", value)])
    control_kind([("ce_type", b"tickplant." + value)])
