"""GET /orders: what orders came to; one of them, and its fills."""

from typing import NamedTuple

from services.api import answers, answers_trading, executions, pages, parameters, queries_trading
from services.api.parameters import Given, Parameter, printable
from services.api.problems import missing
from services.api.protocol import Context, Endpoint

SIDES = ("buy", "sell")
SORTS = {"order_id": "order_id", "timestamp": "event_time", "total_pi_dollars": "total_pi_dollars"}
WAYS = tuple(way + name for name in SORTS for way in ("", "-"))
ORDER_ID = Parameter("order_id", "The order's id", {"type": "string"}, required=True, place="path")
SIDE = Parameter("side", "Bought or sold", {"type": "string", "enum": list(SIDES)}, "buy")
VENUE = Parameter("venue", "The destination", {"type": "string"}, "XNAS")
SORT = Parameter("sort", "In which order; `-` in front: the greatest first", {"type": "string", "enum": list(WAYS)}, "-total_pi_dollars")


class Position(NamedTuple):
    """Where the last row stands in the order asked for."""

    value: str
    order_id: str


async def orders(context: Context, given: Given) -> bytes:
    """Orders with their summaries."""
    symbol, side, venue = given.symbol(), given.choice("side", SIDES), given.text("venue")
    sort = given.choice("sort", WAYS) or "order_id"
    key, way = SORTS[sort.removeprefix("-")], "DESC" if sort.startswith("-") else "ASC"
    limit = given.limit(context.bounds.page_limit)
    scope = f"orders {symbol} {side} {venue!r} {sort}"
    after = given.cursor(scope, Position) or _start(key, way)
    found = await context.store.fetch(queries_trading.ORDERS[key, way], symbol, side, venue, *after, limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = pages.next_url(given.path, given.pairs, pages.encode(scope, Position(last[-1], last[0])))
    return answers.page([executions.order(row) for row in found[:limit]], following)


def _start(key: str, way: str) -> Position:
    """Before every row; ids have at most 128 characters below U+10FFFF."""
    last = chr(0x10FFFF)
    if key == "order_id":
        return Position(last, last) if way == "DESC" else Position("", "")
    return Position("infinity", last) if way == "DESC" else Position("-infinity", "")


async def order(context: Context, given: Given) -> bytes:
    """One order's summary; 404 where there is none."""
    order_id = printable("order_id", given.path_values["order_id"])
    found = await context.store.fetch(queries_trading.ORDER, order_id)
    if not found:
        raise missing(f"there is no order {order_id!r}")
    return answers.single(executions.summary(found[0]))


ENDPOINTS = (
    Endpoint(
        "/orders",
        "Orders and what they came to",
        orders,
        (parameters.SYMBOL, SIDE, VENUE, SORT, parameters.LIMIT, parameters.CURSOR),
        answers_trading.Order,
    ),
    Endpoint("/orders/{order_id}", "What an order came to", order, (ORDER_ID,), answers_trading.Summary, listed=False),
)
