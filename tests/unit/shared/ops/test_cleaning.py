"""The rules of the values, in the order in which they are looked at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from shared.errors import Rejected
from shared.events import NOWHERE, Origin, ServiceEvent
from shared.ops import cleaning, payloads
from shared.ops.raw import read
from shared.records import Row
from tests.fixtures.records import MS, Kept

GOOD: dict[str, Any] = {
    "event_id": " E-1 ",
    "timestamp": "2026-01-13T20:32:14+09:00",
    "service": " CheckOut",
    "event_type": "Request",
    "latency_ms": "12.50",
    "status_code": 200,
    "user_id": " Ann ",
}


def clean(**changes: Any) -> ServiceEvent:
    return cleaning.clean(payloads.parse(msgspec.json.encode(GOOD | changes)))


def rejected(**changes: Any) -> str:
    with pytest.raises(Rejected) as fault:
        clean(**changes)
    return fault.value.reason


def test_strings_are_trimmed_and_lowered_and_the_original_time_is_kept() -> None:
    assert clean() == ServiceEvent(
        "e-1", "checkout", "request", 1_768_303_934_000_000, "2026-01-13T20:32:14+09:00", Decimal("12.50"), 200, "ann"
    )


def test_the_first_fault_in_the_order_of_the_rules_is_the_reason() -> None:
    faults: dict[str, Any] = {"event_id": " ", "service": None, "event_type": "", "timestamp": None}
    reasons = []
    for name in list(faults):
        reasons.append(rejected(**faults))
        del faults[name]
    assert reasons == ["missing_event_id", "missing_service", "missing_event_type", "missing_timestamp"]
    assert rejected(timestamp="soon", latency_ms=-1) == "bad_timestamp"
    assert rejected(event_id=["a"]) == "missing_event_id"
    assert rejected(service="a\x00b") == rejected(user_id="u" * 257) == "malformed"


@pytest.mark.parametrize("latency", [-1, "-0.5", "fast", "", True, [1], "nan", "1e400", "inf", "1_000", "٣"])
def test_a_latency_that_is_none_becomes_null(latency: Any) -> None:
    found = clean(latency_ms=latency)
    assert (found.latency_ms, found.nulled) == (None, ("latency_ms",))


@pytest.mark.parametrize("status", [1, 99, "abc", "200.5", -200, "", True, 2**31, {}])
def test_a_status_that_is_none_becomes_null(status: Any) -> None:
    found = clean(status_code=status)
    assert (found.status_code, found.nulled) == (None, ("status_code",))


def test_values_at_the_edges_are_kept_and_absent_ones_are_no_fault() -> None:
    found = clean(latency_ms=0, status_code="100.0", user_id=7)
    assert (found.latency_ms, found.status_code, found.user_id) == (Decimal(0), 100, "7")
    assert not found.nulled
    absent = clean(latency_ms=None, status_code=None, user_id=None)
    assert (absent.latency_ms, absent.status_code, absent.user_id, absent.nulled) == (None, None, None, ())
    assert clean(user_id=" ").nulled == ("user_id",)


def test_a_row_of_csv_is_read_as_the_object_it_spells() -> None:
    names, values = ",".join(GOOD), ",".join(f'"{value}"' for value in GOOD.values())
    assert cleaning.clean(payloads.parse(f"{names.upper()}\n{values}".encode())) == clean()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (b'{"service":"\xff"}', "bad_encoding"),
        (b'{"service":"\\ud800"}', "malformed"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "malformed"),
        (b"service,event_id\na", "bad_row"),
        (b"service\n\xff", "bad_encoding"),
    ],
)
def test_bytes_that_are_no_event_are_rejected_whatever_they_are(payload: bytes, reason: str) -> None:
    raw = read(Kept(0, MS, b"k", payload))
    with pytest.raises(Rejected) as fault:
        raw.event(NOWHERE, 0)
    assert (raw.source, fault.value.reason) == ("unknown", reason)


def test_a_live_event_ahead_of_its_receipt_is_rejected_and_a_file_may_tell_of_any_time() -> None:
    payload = msgspec.json.encode(GOOD)
    with pytest.raises(Rejected, match="ahead of its receive time"):
        read(Kept(0, MS, b"k", payload)).event(NOWHERE, 60_000_000)
    origin, row = Origin(1, 2, 3), Row("events-1", 4, 0)
    found = read(Kept(0, MS, b"k", payload, (row.header(),))).event(origin, 0)
    assert (found.run, found.origin, found.received_at) == ("events-1", origin, MS * 1000)


def test_a_newer_field_is_kept_as_it_came() -> None:
    found = clean(schema_version=2, duration_us=1500, region=" EU ", shard={"n": 1}, price=1.10)
    assert (found.latency_ms, found.region, found.schema_version) == (Decimal("1.5"), "eu", 2)
    assert {name: bytes(value) for name, value in found.extra.items()} == {
        "latency_ms": b'"12.50"',
        "shard": b'{"n":1}',
        "price": b"1.1",
    }


@pytest.mark.parametrize(
    ("declared", "kept", "latency"), [(None, 1, "12.50"), ("x", 1, "12.50"), (0, 1, "12.50"), ("2", 2, "3"), (3, 3, "3"), (99, 99, "3")]
)
def test_the_version_says_how_the_latency_is_read_and_a_newer_one_is_read_as_the_newest(declared: Any, kept: int, latency: str) -> None:
    found = clean(schema_version=declared, duration_us=3000)
    assert (found.schema_version, found.latency_ms) == (kept, Decimal(latency))
