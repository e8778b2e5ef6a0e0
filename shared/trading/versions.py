"""Of several versions of one id the greatest holds, whatever their order of arrival. Pure."""

from functools import lru_cache
from hashlib import blake2b

from shared.events import Action, Execution, Order
from shared.identity import normal

RANKS: dict[Action, int] = {"new": 0, "correct": 1, "cancel": 2, "bust": 3}
VOID = RANKS["cancel"]  # an execution of this rank or a greater one does not count
spelled = lru_cache(maxsize=65536)(normal)


def version(event: Order | Execution) -> tuple[int, int, bytes]:
    """Its place among the versions of its id: rank of the action, time of the action, content."""
    return RANKS[event.action], event.action_time, content(event)


def content(event: Order | Execution) -> bytes:
    """A hash of its values, however they were written."""
    if isinstance(event, Order):
        price, order_id = event.limit_price, event.order_id
    else:
        price, order_id = event.price, event.order_id
    quantity, paid, at = spelled(event.quantity), spelled(price), event.event_time
    values = f"{order_id}\x1f{event.symbol}\x1f{event.side}\x1f{quantity}\x1f{paid}\x1f{at}\x1f{event.destination}"
    return blake2b(values.encode(), digest_size=8).digest()
