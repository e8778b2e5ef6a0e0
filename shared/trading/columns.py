"""The columns of the three files, and the canonical header that each row carries as a record of trading.raw.v1. Pure.

The canonical header is one line: the columns that are read by their names, `_` for the others, then `file=…` and `zone=…`.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Literal, NamedTuple, get_args

from shared.errors import FileFault

File = Literal["orders", "trades", "nbbo"]
FILES: tuple[File, ...] = get_args(File)
COLUMNS: dict[File, tuple[str, ...]] = {
    "orders": ("order_id", "symbol", "side", "quantity", "limit_price", "timestamp", "destination"),
    "trades": ("trade_id", "order_id", "symbol", "side", "exec_quantity", "exec_price", "exec_timestamp", "destination"),
    "nbbo": ("symbol", "bid", "ask", "timestamp"),
}
OPTIONAL = ("action", "action_timestamp")
TIME: dict[File, str] = {"orders": "timestamp", "trades": "exec_timestamp", "nbbo": "timestamp"}


class Layout(NamedTuple):
    """Where a row's columns are: `pick` gives those of COLUMNS in their order; -1 for an optional one that is not there."""

    file: File
    zone: str
    width: int
    pick: Callable[[Sequence[Any]], Sequence[Any]]
    action: int
    action_time: int


def canonical(file: File, given: Sequence[str], zone: str) -> str:
    """The canonical header of a file's column names; raises `FileFault` naming what is missing or twice."""
    names = [name.strip().lower() for name in given]
    wanted = COLUMNS[file]
    shown = ",".join(given)[:200]
    if not set(names) & {column for known in FILES for column in COLUMNS[known]}:
        raise FileFault(f"line 1: {shown!r} looks like data, not like a header; a file of {file} begins with {','.join(wanted)}")
    if missing := [name for name in wanted if name not in names]:
        likely = [other for other in FILES if other != file and set(COLUMNS[other]) <= set(names)]
        hint = f"; it looks like a file of {likely[0]}" if likely else f"; a file of {file} has {','.join(wanted)}"
        raise FileFault(f"line 1: the header {shown!r} has no column {', '.join(missing)}{hint}")
    known = [name for name in names if name in wanted or name in OPTIONAL]
    if twice := [name for name in known if known.count(name) > 1]:
        raise FileFault(f"line 1: the header {shown!r} has the column {twice[0]!r} more than once")
    return ",".join([*(name if name in known else "_" for name in names), f"file={file}", f"zone={zone}"])


def layout(header: str) -> Layout:
    """The layout of a canonical header; raises `ValueError` for what is none."""
    *names, file, zone = header.split(",")
    kind = next((known for known in FILES if file == f"file={known}"), None)
    if kind is None or not zone.startswith("zone="):
        raise ValueError("names no file and zone")
    places = {name: at for at, name in enumerate(names)}
    if missing := [name for name in COLUMNS[kind] if name not in places]:
        raise ValueError(f"has no column {', '.join(missing)}")
    pick = itemgetter(*(places[name] for name in COLUMNS[kind]))
    return Layout(kind, zone.removeprefix("zone="), len(names), pick, *(places.get(name, -1) for name in OPTIONAL))
