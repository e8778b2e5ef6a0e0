"""Orders, executions and the best bid and offer; priced fills and summaries."""

from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from shared.events.market import Side
from shared.events.origin import NOWHERE, Origin
from shared.storable import Int64, Micros

Action = Literal["new", "correct", "cancel", "bust"]


class Order(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="order", omit_defaults=True):
    """What somebody wanted bought or sold. Of several versions of an id the greatest (action, action_time, content) holds."""

    source: ClassVar[str] = "orders"
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None  # null: at the market
    event_time: Micros  # us
    destination: str = ""
    action: Action = "new"
    action_time: Micros = 0  # us
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None


class Execution(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="execution", omit_defaults=True):
    """A part of an order that was executed; versions as of an order."""

    source: ClassVar[str] = "trades"
    trade_id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    event_time: Micros  # us
    destination: str = ""
    action: Action = "new"
    action_time: Micros = 0  # us
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None


class Nbbo(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="nbbo", omit_defaults=True):
    """The national best bid and offer of a symbol from a time on. Its values are its identity."""

    source: ClassVar[str] = "nbbo"
    symbol: str
    bid: Decimal
    ask: Decimal
    event_time: Micros  # us
    received_at: Micros = 0  # us
    origin: Origin = NOWHERE
    run: str | None = None


class Fill(msgspec.Struct, frozen=True, tag_field="kind_of", tag="fill", omit_defaults=True):
    """An execution priced against the quote it met, as it now stands; of two with one trade_id the greater revision holds."""

    trade_id: str
    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    event_time: Micros  # us
    destination: str
    void: bool  # cancelled or busted
    revision: Int64
    quote_time: Micros | None = None  # us
    bid: Decimal | None = None
    ask: Decimal | None = None
    pi_dollars: Decimal | None = None


class OrderSummary(msgspec.Struct, frozen=True, tag_field="kind_of", tag="order_summary", omit_defaults=True):
    """What an order has come to; of two with one order_id the greater revision holds."""

    order_id: str
    symbol: str
    side: Side
    destination: str
    total_order_qty: Decimal
    filled_qty: Decimal
    notional: Decimal  # the sum of price * quantity
    total_pi_dollars: Decimal
    fill_count: Int64
    unpriced: Int64
    mismatched: Int64  # fills of another symbol or side
    cancelled: bool
    revision: Int64
