"""A page of rows as JSON or CSV, as the request's Accept prefers; JSON where it prefers neither."""

import csv
import io
from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from services.api import answers

_VARY = {"Vary": "Accept"}


def page(accept: bytes, rows: Sequence[msgspec.Struct], kind: type[msgspec.Struct], next_url: str | None) -> Response:
    """The rows; in CSV under a header line, the next page in a Link header (RFC 8288)."""
    if not wants_csv(accept.decode("latin-1")):
        return Response(answers.page(rows, next_url), headers=_VARY, media_type="application/json")
    out = io.StringIO()
    writer = csv.writer(out)
    names = kind.__struct_fields__
    writer.writerow(names)
    writer.writerows([_cell(getattr(row, name)) for name in names] for row in rows)
    headers = _VARY | ({"Link": f'<{next_url}>; rel="next"'} if next_url is not None else {})
    return Response(out.getvalue(), headers=headers, media_type="text/csv")


def wants_csv(accept: str) -> bool:
    """Whether CSV is preferred to JSON (RFC 9110, 12.5.1)."""
    wanted = dict(_ranges(accept))
    json = next((wanted[name] for name in ("application/json", "application/*", "*/*") if name in wanted), 0.0)
    return next((wanted[name] for name in ("text/csv", "text/*", "*/*") if name in wanted), 0.0) > json


def _ranges(accept: str) -> Sequence[tuple[str, float]]:
    found = []
    for part in accept.lower().split(",")[:32]:
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        found.append((name, float(quality) if quality.replace(".", "", 1).isdecimal() and quality.isascii() else 0.0))
    return found


def _cell(value: object) -> object:
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return str(value).lower() if isinstance(value, bool) else value
