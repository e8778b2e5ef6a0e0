"""A page of rows as JSON, CSV, Parquet or an Arrow stream, as the request's Accept prefers; JSON where it prefers none of them.

But in JSON, a row is flat (`first.id` is the column `first_id`) and the next page is in a Link header (RFC 8288).
"""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from starlette.responses import Response

from services.api import answers

JSON, CSV = "application/json", "text/csv"
PARQUET, ARROW = "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"
OFFERED = (JSON, CSV, PARQUET, ARROW)
_VARY = {"Vary": "Accept"}
_decode = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal).decode
_USUAL = frozenset({b"", b"*/*", JSON.encode()})
Rows = Sequence[msgspec.Struct] | msgspec.Raw


class Column(NamedTuple):
    """A column of flat rows: its name, the type of its values but for null, and where a row has it."""

    name: str
    hint: Any
    path: tuple[str, ...]

    def of(self, row: Mapping[str, Any]) -> Any:
        """The value of a row; null where what should hold it is."""
        held: Any = row
        for name in self.path:
            held = None if held is None else held[name]
        return held


async def page(accept: bytes, rows: Rows, kind: type[msgspec.Struct], next_url: str | None) -> Response:
    """The rows, all of that kind, as the client wants them; raises a `Problem` where they do not fit the columns of a table."""
    chosen = choose(accept)
    if chosen == JSON:
        return Response(answers.page(rows, next_url), headers=_VARY, media_type=JSON)
    body = await asyncio.to_thread(_flat, chosen, rows, kind)
    headers = _VARY | ({"Link": f'<{next_url}>; rel="next"'} if next_url is not None else {})
    return Response(body, headers=headers, media_type=chosen)


def choose(accept: bytes) -> str:
    """Which of the formats is preferred (RFC 9110, 12.5.1), the first of those preferred alike."""
    if accept in _USUAL:
        return JSON
    wanted = dict(_ranges(accept.decode("latin-1")))
    return max(OFFERED, key=lambda offered: _quality(offered, wanted))


@cache
def columns(kind: type[msgspec.Struct]) -> tuple[Column, ...]:
    """The columns of its rows, those of a struct inside in its place."""
    found: list[Column] = []
    for name, hint in get_type_hints(kind, include_extras=True).items():
        held = _known(hint)
        if isinstance(held, type) and issubclass(held, msgspec.Struct):
            found += [Column(f"{name}_{inner.name}", inner.hint, (name, *inner.path)) for inner in columns(held)]
        else:
            found.append(Column(name, held, (name,)))
    return tuple(found)


def _flat(chosen: str, rows: Rows, kind: type[msgspec.Struct]) -> bytes:
    """Made of the very rows that JSON has, which may be encoded already; their numbers keep their digits."""
    held = _decode(msgspec.json.encode(rows))
    if chosen == CSV:
        return _csv(held, columns(kind)).encode()
    from services.api import tables  # what only tables need is loaded with the first of them

    return (tables.parquet if chosen == PARQUET else tables.arrow)(held, columns(kind))


def _csv(rows: Sequence[Mapping[str, Any]], wanted: Sequence[Column]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.name for column in wanted])
    writer.writerows([_cell(column.of(row)) for column in wanted] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value).lower() if isinstance(value, bool) else value


def _known(hint: Any) -> Any:
    """The type of a value that is not null."""
    if get_origin(hint) not in (Union, UnionType):
        return hint
    return next(option for option in get_args(hint) if option is not NoneType)


def _quality(offered: str, wanted: dict[str, float]) -> float:
    names = offered, f"{offered.partition('/')[0]}/*", "*/*"
    return next((wanted[name] for name in names if name in wanted), 0.0)


def _ranges(accept: str) -> Sequence[tuple[str, float]]:
    found = []
    for part in accept.lower().split(",")[:32]:
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        found.append((name, float(quality) if quality.replace(".", "", 1).isdecimal() and quality.isascii() else 0.0))
    return found
