"""The files of an invented day of orders over HTTP: `/orderflow/orders.csv`, `trades.csv` and `nbbo.csv`.

Invariant: the same seed and number of orders give the same bytes, and the three files are of one day.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from deploy.simulator import orderflow

MOST_ORDERS = 1_000_000
ORDERS = 1_000
CHUNK = 500


async def file(request: Request) -> Response:
    """One of the files; `orders` and `seed` choose the day."""
    name = request.path_params["name"]
    if name not in orderflow.HEADERS:
        return PlainTextResponse(f"no file {name}.csv: there are {', '.join(orderflow.HEADERS)}\n", 404)
    try:
        orders, seed = (int(request.query_params.get(key, default)) for key, default in (("orders", ORDERS), ("seed", 1)))
    except ValueError:
        return PlainTextResponse("orders and seed are whole numbers\n", 422)
    if not 1 <= orders <= MOST_ORDERS:
        return PlainTextResponse(f"orders is between 1 and {MOST_ORDERS:,}\n", 422)
    return StreamingResponse(_lines(name, seed, orders), media_type="text/csv")


def _lines(name: str, seed: int, orders: int) -> Iterator[str]:
    """Made while they are read, in a thread."""
    rows = (row.values for row in orderflow.generate(seed, orders) if row.file == name)
    yield _csv([orderflow.HEADERS[name]])
    while chunk := list(islice(rows, CHUNK)):
        yield _csv(chunk)


def _csv(rows: list[list[str]] | list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
