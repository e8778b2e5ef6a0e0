"""Rows made into JSON by columns say what each row says by itself, or are refused together."""

from __future__ import annotations

from typing import get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Rejected
from shared.events import Origin
from shared.trading import columns, rows
from shared.trading.lines import lines
from shared.trading.plain import Unusual

FILES: tuple[columns.File, ...] = get_args(columns.File)
ENVELOPE = (1_767_623_400_000_000, Origin(7, 3, 41), "orders-1")
TAIL = ',"received_at":1767623400000000,"origin":[7,3,41,0],"run":"orders-1"}'
NUMBERS = ("1", "0.10", " 12.5 ", "1e3", "007", "+5", ".5", "100.000")
TIMES = (
    "2026-01-05T14:30:00.120000Z", "2026-01-05T14:30:59.999999Z", "2026-01-05 14:30:00.120000Z", "2026-01-05T14:30:00Z",
    "2026-01-05T09:30:00", " 2026-01-05T14:30:00.120000Z", "1767623400", "1767623400120000", "2026-01-05T14:30:00.120000+01:00",
    "2026-W02-1T14:30:00.120000Z",
)  # fmt: skip
PLAIN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("order_id", "trade_id"), ("O-1", "T 2", " x ", "Ünï", "a/b", "日本")),
    "symbol": ("KO", "ko ", "BRK.B", "btc/usd"),
    "side": ("buy", "S", " sell_short", "SS"),
    **dict.fromkeys(("quantity", "exec_quantity", "exec_price", "bid", "ask"), NUMBERS),
    "limit_price": ("", " ", *NUMBERS),
    **dict.fromkeys(("timestamp", "exec_timestamp"), TIMES),
    "destination": ("", " ", "XNAS", "B\\T", "Ü"),
    "action": ("", "new", " NEW ", ""),
    "action_timestamp": ("", " ", *TIMES[:3]),
    "note": ("", "x", " y "),
}
ODD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("order_id", "trade_id"), ("", "a\\b", "x" * 129, "a\tb", "a\u3000")),
    "symbol": ("", "K O", "ké"),
    "side": ("", "hold"),
    **dict.fromkeys(("quantity", "exec_quantity", "exec_price", "bid", "ask"), ("", "0", "-1", "nan", "1_0", "٣", "1" * 19)),
    "limit_price": ("-1", "x"),
    **dict.fromkeys(
        ("timestamp", "exec_timestamp"),
        (
            "",
            "x",
            "2026-01-05T14:30:60.120000Z",
            "2026-01-05T14:30:00.12000 Z",
            "2026-01-05T14:30:00.१20000Z",
            "2026-13-05T14:30:00.120000Z",
        ),
    ),
    "destination": ("\x01", "v" * 129),
    "action": ("undo", "correct", "bust"),
    "action_timestamp": ("x",),
    "note": (),
}


@st.composite
def tables(draw: st.DrawFn, *, odd: bool) -> tuple[str, list[str]]:
    """A canonical header and some rows."""
    file = draw(st.sampled_from(FILES))
    names = draw(st.permutations([*columns.COLUMNS[file], *draw(st.lists(st.sampled_from((*columns.OPTIONAL, "note")), unique=True))]))
    header = columns.canonical(file, names, draw(st.sampled_from(("UTC", "America/New_York"))))
    given_rows = draw(st.lists(st.tuples(*(st.sampled_from(PLAIN[name]) for name in names)), min_size=1, max_size=6))
    found = [list(row) for row in given_rows]
    if odd:
        name, value = draw(st.sampled_from([(name, value) for name in names for value in (*ODD[name], 'a "b"', "one,more")]))
        found[draw(st.integers(0, len(found) - 1))][names.index(name)] = value
    return header, [",".join(row) for row in found]


def alone(header: str, row: str) -> tuple[str, str]:
    _, event = rows.parse(f"{header}\n{row}".encode(), ENVELOPE)
    return event.symbol, msgspec.json.Encoder(decimal_format="string").encode(event).decode()


@settings(max_examples=300, deadline=None)
@given(tables(odd=False))
def test_plain_rows_together_are_the_json_of_each(table: tuple[str, list[str]]) -> None:
    header, found = table
    assert list(zip(*lines(header, found, [TAIL] * len(found)), strict=True)) == [alone(header, row) for row in found]


@settings(max_examples=400, deadline=None)
@given(tables(odd=True))
def test_rows_of_which_one_is_odd_say_the_same_or_are_refused(table: tuple[str, list[str]]) -> None:
    header, found = table
    try:
        together = lines(header, found, [TAIL] * len(found))
    except (Unusual, Rejected):
        return
    assert list(zip(*together, strict=True)) == [alone(header, row) for row in found]
