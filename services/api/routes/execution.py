"""GET /fills, /orders/{order_id}/fills and /execution-quality: executions against the quotes they met, one by one and together."""

from typing import NamedTuple

from services.api import answers, answers_trading, executions, pages, parameters, queries_trading
from services.api.parameters import Given, Parameter, printable
from services.api.problems import missing
from services.api.protocol import Context, Endpoint
from services.api.routes.orders import ORDER_ID, SIDE, SIDES, VENUE
from shared.time import LATEST

GROUPS = ("symbol", "venue", "side", "day")
GROUP_BY = Parameter("group_by", "symbol where it is not given", {"type": "string", "enum": list(GROUPS)}, "venue")
FILTERS = (parameters.SYMBOL, SIDE, VENUE, parameters.FROM, parameters.TO)


class Position(NamedTuple):
    """Where the last row stands."""

    event_time: int
    trade_id: str


async def fills(context: Context, given: Given) -> bytes:
    """Fills in the order of their times."""
    filters = _filters(given)
    scope = f"fills {filters!r}"
    limit, after = given.limit(context.bounds.page_limit), given.cursor(scope, Position) or Position(0, "")
    found = await context.store.fetch(queries_trading.FILLS, *filters, *after, limit + 1)
    return _page(given, scope, [executions.fill(row) for row in found], [Position(row[6], row[0]) for row in found], limit)


async def of_order(context: Context, given: Given) -> bytes:
    """An order's fills in the order of their times; 404 where nothing is known of it."""
    order_id = printable("order_id", given.path_values["order_id"])
    scope = f"fills of {order_id!r}"
    limit, after = given.limit(context.bounds.page_limit), given.cursor(scope, Position) or Position(0, "")
    found = await context.store.fetch(queries_trading.FILLS_OF_ORDER, order_id, *after, limit + 1)
    if not found and not await context.store.fetch(queries_trading.ORDER, order_id):
        raise missing(f"there is no order {order_id!r}")
    return _page(given, scope, [executions.fill(row) for row in found], [Position(row[6], row[0]) for row in found], limit)


async def quality(context: Context, given: Given) -> bytes:
    """The report: each group's executions, share-weighted."""
    group = given.choice("group_by", GROUPS) or "symbol"
    found = await context.store.fetch(queries_trading.QUALITY[group], *_filters(given))
    return answers.page([executions.quality_of(row) for row in found], None)


def _filters(given: Given) -> tuple[str | None, str | None, str | None, int, int]:
    start, end = parameters.span(given)
    return given.symbol(), given.choice("side", SIDES), given.text("venue"), start or 0, LATEST - 1 if end is None else end


def _page(given: Given, scope: str, rows: list[answers_trading.Fill], places: list[Position], limit: int) -> bytes:
    following = None
    if len(rows) > limit:
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, places[limit - 1]))
    return answers.page(rows[:limit], following)


ENDPOINTS = (
    Endpoint("/fills", "Executions and the quotes they met", fills, (*FILTERS, parameters.LIMIT, parameters.CURSOR), answers_trading.Fill),
    Endpoint(
        "/orders/{order_id}/fills", "An order's executions", of_order, (ORDER_ID, parameters.LIMIT, parameters.CURSOR), answers_trading.Fill
    ),
    Endpoint(
        "/execution-quality",
        "Execution quality of groups of executions",
        quality,
        (GROUP_BY, *FILTERS),
        answers_trading.Quality,
        description="Rule 605-style figures, share-weighted; docs/execution-quality.md has every formula.",
    ),
)
