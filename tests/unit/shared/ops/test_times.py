"""Every accepted way to write one moment, and what is none."""

from __future__ import annotations

import pytest

from shared.errors import Rejected
from shared.ops import times

AT = 1_768_303_934_000_000  # 2026-01-13T11:32:14Z


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-13T11:32:14Z",
        "2026-01-13t11:32:14z",
        "2026-01-13 11:32:14",
        "2026-01-13T20:32:14+09:00",
        "2026-01-13 08:02:14 -0330",
        "2026-01-13 11:32:14.000 UTC",
        "20260113T113214Z",
        "2026/01/13 11:32:14",
        "2026/01/13 12:32:14+01:00",
        "Tue, 13 Jan 2026 11:32:14 GMT",
        "13 Jan 2026 06:32:14 -0500",
        "1768303934",
        "1768303934.0",
        "1768303934000",
        "1768303934000000",
        "1768303934000000000",
        "  1768303934 ",
    ],
)
def test_one_moment_in_every_accepted_format(text: str) -> None:
    assert times.parse(text) == AT


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "13/01/2026 11:32:14", "01/13/2026", "2026-13-01", "2026-02-30T00:00:00Z", "20260113", "-1", "1e9", "0", "1.2.3"),
        *("Tue, 31 Feb 2026 11:32:14 GMT", "13 Foo 2026 11:32:14 GMT", "1969-12-31T23:59:59Z", "2026-01-13T11:32:14+99:00", "\x00", "٢٠٢٦"),
    ],
)
def test_what_is_no_moment_is_rejected(text: str) -> None:
    with pytest.raises(Rejected) as fault:
        times.parse(text)
    assert fault.value.reason == "bad_timestamp"
