"""A file's header brought to the platform's names. Pure; what it returns, `prices_csv.layout` accepts.

The result is one line: recognised columns by our names, the others by their own (made harmless), then `symbol=…` and `zone=…`.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.fetcher.rows import Line
from shared.errors import FileFault, Rejected
from shared.providers.prices_csv import COLUMNS, layout
from shared.symbols import canonical as canonical_symbol

_OURS = {alias: name for name, aliases in COLUMNS.items() if name != "zone" for alias in aliases}
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_WIDE = (b"\xff\xfe", b"\xfe\xff")
WIDE = "line 1: the file is UTF-16 or UTF-32, not UTF-8; convert it, for example with `iconv -f UTF-16 -t UTF-8`"
_BOM = b"\xef\xbb\xbf"


def text(line: bytes) -> str:
    """The first line of a file as text, without a UTF-8 byte order mark; raises `FileFault`."""
    line = line.removeprefix(_BOM)
    if line.startswith(_WIDE) or b"\x00" in line:
        raise FileFault(WIDE)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise FileFault(f"line 1: byte {line[fault.start]:#04x} at {fault.start} of the header is not UTF-8") from None


def one_line(row: Line) -> None:
    """Raises `FileFault` for a header that spans several physical lines: with a stray quote, rows would become a column's name."""
    first, data = row
    if span := data.count(b"\n"):
        raise FileFault(f"line {first}: a quote of the header opens there and closes on line {first + span}; a header is one line")


def names(header: str) -> list[str]:
    """The column names of a header line; raises `FileFault` for other separators and line ends."""
    if "\r" in header:
        raise FileFault("line 1: the lines end with CR alone; convert them to LF")
    try:
        found = next(csv.reader([header], strict=True), [])
    except csv.Error as fault:
        raise FileFault(f"line 1: the header {header[:200]!r} is no CSV: {fault}") from None
    if len(found) == 1:
        for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if separator in header:
                raise FileFault(f"line 1: the header {header[:200]!r} is separated by {word}; only commas are read")
    return found


def canonical(given: Sequence[str], *, columns: Mapping[str, str], symbol: str | None, timezone: str, named: bool = False) -> str:
    """The canonical header line. `columns` maps our names to the file's; `named` says that the names came from --header.

    A constant `symbol` takes the place of the file's symbol column. Raises `FileFault` naming what is missing or wrong.
    """
    chosen = _chosen(given, columns)
    if not named and not chosen and not any(_alias(name) for name in given) and any(_NUMBER.fullmatch(name.strip()) for name in given):
        raise FileFault(
            f"line 1: {','.join(given)[:200]!r} looks like data, not like a header; name the columns with --header time,price,size,…"
        )
    ours: dict[str, int] = {}
    line: list[str] = []
    for at, name in enumerate(given):
        mine = chosen.get(at) or _alias(name)
        if mine is None or (chosen.get(at) != mine and mine in columns) or (mine == "symbol" and symbol is not None):
            line.append(_harmless(name))
            continue
        if mine in ours:
            raise FileFault(
                f"line 1: columns {ours[mine] + 1} ({given[ours[mine]]!r}) and {at + 1} ({name!r}) of the header both mean {mine}; "
                f"choose one with --column {mine}=NAME"
            )
        ours[mine] = at
        line.append(mine)
    line += _constants(symbol, timezone)
    try:
        layout(line)
    except FileFault as fault:
        shown = ",".join(given)[:200]
        raise FileFault(f"line 1: {_in_their_words(str(fault), ','.join(line[: len(given)])[:200], shown)}") from None
    return ",".join(line)


def _chosen(given: Sequence[str], columns: Mapping[str, str]) -> dict[int, str]:
    """Our name of each position that `columns` maps."""
    at = {name.strip(): i for i, name in reversed(list(enumerate(given)))}
    chosen: dict[int, str] = {}
    for mine, theirs in columns.items():
        if mine not in COLUMNS or mine == "zone":
            raise FileFault(f"--column {mine}={theirs}: {mine!r} is none of {', '.join(sorted(set(_OURS.values())))}")
        if theirs.strip() not in at:
            raise FileFault(f"line 1: the header {','.join(given)[:200]!r} has no column {theirs!r} (--column {mine}={theirs})")
        chosen[at[theirs.strip()]] = mine
    return chosen


def _alias(name: str) -> str | None:
    return _OURS.get(name.strip().lower())


def _harmless(name: str) -> str:
    """An unused column's name, which must not read as one of ours or as a constant."""
    kept = re.sub(r"[^\w.-]+", "_", name.strip(), flags=re.ASCII)[:40]
    return kept if kept and kept.lower() not in _OURS and kept.lower() != "zone" else f"_{kept}"


def _constants(symbol: str | None, timezone: str) -> list[str]:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FileFault(f"--timezone {timezone!r} is no IANA time zone, like UTC or America/New_York") from None
    if symbol is None:
        return [f"zone={timezone}"]
    try:
        return [f"symbol={canonical_symbol(symbol)}", f"zone={timezone}"]
    except Rejected as fault:
        raise FileFault(f"--symbol: {fault.message}") from None


def _in_their_words(message: str, ours: str, theirs: str) -> str:
    return message.replace(repr(ours), repr(theirs))
