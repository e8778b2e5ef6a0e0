"""The rows of answers about orders, fills and execution quality, written as `answers` says."""

import msgspec

from services.api.answers import Money, Time


class Summary(msgspec.Struct, frozen=True):
    """What an order came to: `vwap` of its fills, price improvement in dollars, `fill_rate` = filled / total."""

    order_id: str
    total_order_qty: Money
    filled_qty: Money
    vwap: Money | None
    total_pi_dollars: Money
    fill_rate: Money


class Order(Summary, frozen=True):
    """An order with its summary; `limit_price` is null at the market. Flags: cancelled, over_filled, unpriced, mismatch."""

    symbol: str
    side: str
    venue: str
    timestamp: Time
    limit_price: Money | None
    fill_count: int
    flags: list[str]


class Realized(msgspec.Struct, frozen=True, rename={"s1": "1s", "s15": "15s", "m1": "1m", "m5": "5m"}):
    """The spread against the mid some time later; null until a quote proves it."""

    s1: Money | None
    s15: Money | None
    m1: Money | None
    m5: Money | None


class Fill(msgspec.Struct, frozen=True):
    """An execution and the quote it met; per share, but for `pi_dollars`. A void one is cancelled or busted and counts nowhere."""

    trade_id: str
    order_id: str
    symbol: str
    side: str
    quantity: Money
    price: Money
    timestamp: Time
    venue: str
    nbbo_timestamp: Time | None
    bid: Money | None
    ask: Money | None
    mid: Money | None
    pi_per_share: Money | None
    pi_dollars: Money | None
    slippage: Money | None
    quoted_spread: Money | None
    effective_spread: Money | None
    effective_over_quoted: Money | None
    realized_spread: Realized
    seconds_to_execution: Money | None
    flags: list[str]
    void: bool


class Quality(msgspec.Struct, frozen=True):
    """The executions of a group, share-weighted; those without a quote count in `shares` and `notional` only."""

    group: str
    fills: int
    shares: Money
    notional: Money
    vwap: Money | None
    priced_shares: Money
    shares_improved: Money
    shares_at_quote: Money
    shares_outside: Money
    at_or_better_percent: Money | None
    total_pi_dollars: Money
    pi_per_share: Money | None
    slippage: Money | None
    quoted_spread: Money | None
    effective_spread: Money | None
    effective_over_quoted: Money | None
    realized_spread: Realized
    seconds_to_execution: Money | None
