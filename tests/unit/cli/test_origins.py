"""Ticks gathered by the raw records they came from."""

import msgspec

from services.cli import origins
from shared.records import TAPE_PAGE, Row, response_headers

AT = 1_700_000_000_000


class _Record(msgspec.Struct):
    offset: int
    headers: list[tuple[str, bytes]] = []
    timestamp: int = AT
    partition: int = 3
    key: bytes = b"x"
    value: bytes = b"y"


def test_each_tick_is_in_one_group_and_a_page_is_one_record() -> None:
    page = response_headers("binance", "http://x/page", 200, 3, 1, AT * 1000, TAPE_PAGE)
    held = {
        (3, 1): _Record(1),
        (3, 2): _Record(2, timestamp=AT + 1000),
        (3, 5): _Record(5, page),
        (3, 7): _Record(7, [Row("prices-1", 4, 0).header()]),
    }
    ticks = [{"origin": f"9/3/{place}"} for place in ("1/0", "2/0", "5/0", "5/1", "7/0", "8/0")]
    groups = origins.gathered(ticks, held)
    assert [(name, len(group.records), group.ticks) for name, group in groups.items()] == [
        ("frames of the stream", 2, 2),
        ("answer of http://x/page", 1, 2),
        ("rows of run prices-1", 1, 1),
        (origins.GONE, 1, 1),
    ]
    assert origins.cells("frames of the stream", groups["frames of the stream"]) == (
        *("3:1", "2", "2", "2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z", "frames of the stream"),
    )
    assert origins.cells(origins.GONE, groups[origins.GONE]) == ("3:8", "1", "1", "", "", origins.GONE)
