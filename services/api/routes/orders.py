"""GET /orders/{order_id}: what an order came to."""

from services.api import answers, queries, records
from services.api.parameters import Given, Parameter, printable
from services.api.problems import missing
from services.api.protocol import Context, Endpoint

ORDER_ID = Parameter("order_id", "The order's id", {"type": "string"}, required=True, place="path")


async def order(context: Context, given: Given) -> bytes:
    """One order's summary; 404 where there is none."""
    order_id = printable("order_id", given.path_values["order_id"])
    found = await context.store.fetch(queries.ORDER, order_id)
    if not found:
        raise missing(f"there is no order {order_id!r}")
    return answers.single(records.summary(found[0]))


ENDPOINTS = (Endpoint("/orders/{order_id}", "What an order came to", order, (ORDER_ID,), answers.Summary, listed=False),)
