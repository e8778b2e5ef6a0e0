"""GET /metrics: what services did, minute by minute. (Prometheus' exposition is on each service's own port.)"""

from typing import NamedTuple

from starlette.responses import Response

from services.api import answers, formats, pages, parameters, queries, records
from services.api.parameters import Given, Parameter
from services.api.protocol import Context, Endpoint
from shared.time import LATEST

A_DAY = 1440
SERVICE = Parameter("service", "Whose minutes; all where it is not given", {"type": "string"}, "checkout")
LIMIT = Parameter("limit", f"Rows of a page, {A_DAY} (a day of minutes) where it is not given", {"type": "integer", "minimum": 1}, "1440")


class Position(NamedTuple):
    """The key of the last row."""

    start: int
    service: str


async def metrics(context: Context, given: Given) -> Response:
    """Minutes that start in [from, to), in the order (start, service)."""
    service = given.text("service")
    service = None if service is None else service.strip().lower()
    start, end = parameters.span(given)
    limit = given.limit(context.bounds.page_limit, default=A_DAY)
    scope = f"metrics {service!r} {start} {end}"
    after = given.cursor(scope, Position) or Position(0, "")
    sql = queries.METRICS_OF_ALL if service is None else queries.METRICS_OF_SERVICE
    beyond = LATEST - 1 if end is None else end
    found = [records.service_minute(row) for row in await context.store.fetch(sql, service, start or 0, beyond, *after, limit + 1)]
    rows, following = found[:limit], None
    if len(found) > limit:
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, Position(rows[-1].start, rows[-1].service)))
    return await formats.page(given.accept, [records.metric(row) for row in rows], answers.Metric, following)


ENDPOINTS = (
    Endpoint(
        "/metrics",
        "Requests, latencies and errors by service and minute",
        metrics,
        (SERVICE, parameters.FROM, parameters.TO, LIMIT, parameters.CURSOR),
        answers.Metric,
        description="Percentiles come from a histogram and are at most 1 % off; averages and rates are exact to 12 places.",
        formats=True,
    ),
)
