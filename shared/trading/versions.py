"""Of several versions of one id the greatest holds, whatever their order of arrival. Pure."""

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from shared.events import Action, Execution, Order
from shared.identity import normal

RANKS: dict[Action, int] = {"new": 0, "correct": 1, "cancel": 2, "bust": 3}
VOID = RANKS["cancel"]  # an execution of this rank or a greater one does not count


def version(event: Order | Execution) -> tuple[int, int, bytes]:
    """Its place among the versions of its id: rank of the action, time of the action, content."""
    return RANKS[event.action], event.action_time, content(event)


def content(event: Order | Execution) -> bytes:
    """A hash of its values, however they were written."""
    given = event.limit_price if isinstance(event, Order) else event.price
    price = "" if given is None else str(given)
    return digest(event.order_id, event.symbol, event.side, str(event.quantity), price, event.event_time, event.destination)


def digest(order_id: str, symbol: str, side: str, quantity: str, price: str, event_time: int, destination: str) -> bytes:
    """The same of values taken apart; without a price it is empty."""
    values = f"{order_id}\x1f{symbol}\x1f{side}\x1f{_normal(quantity)}\x1f{_normal(price)}\x1f{event_time}\x1f{destination}"
    return blake2b(values.encode(), digest_size=8).digest()


@lru_cache(maxsize=65536)
def _normal(text: str) -> str:
    """The one spelling of a value, by how it was written: a text is hashed in a fraction of what a decimal takes."""
    return normal(Decimal(text)) if text else ""
