"""Rows of the store as rows of a run's files: `fills_normalized` and `order_summary`. Pure.

The columns are documented in docs/execution-quality.md; numbers have all their digits, times are ISO-8601 `Z`, flags are joined by `|`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from shared.time import from_datetime, to_iso
from shared.trading import flags, quality

Values = tuple[str | None, ...]


class Table(NamedTuple):
    """A file: its name without suffix, its columns, those of them that are numbers, and how a row of the store becomes one of its."""

    name: str
    columns: tuple[str, ...]
    numbers: frozenset[str]
    row: Callable[[Mapping[str, Any]], Values]


def _fill(r: Mapping[str, Any]) -> Values:
    found = flags.of_fill(
        flags.FillFacts(
            r["symbol"], r["side"], r["event_time"], r["quote_time"], r["bid"], r["ask"],
            r["order_symbol"], r["order_side"], r["order_time"], r["order_end"],
        )
    )  # fmt: skip
    share = None if r["bid"] is None else quality.improvement(r["side"], r["price"], r["bid"], r["ask"])
    numbers = (r["bid"], r["ask"], share, r["pi_dollars"])
    start = (r["trade_id"], r["order_id"], r["symbol"], r["side"], _number(r["quantity"]), _number(r["price"]), _time(r["event_time"]))
    return (*start, r["destination"], _time(r["quote_time"]), *map(_number, numbers), "|".join(found))


def _summary(r: Mapping[str, Any]) -> Values:
    found = flags.of_order(r["quantity"], r["filled_qty"], r["unpriced"], r["mismatched"], cancelled=r["cancelled"])
    vwap, rate = quality.vwap(r["notional"], r["filled_qty"]), quality.fill_rate(r["quantity"], r["filled_qty"])
    numbers = (r["quantity"], r["filled_qty"], vwap, r["total_pi_dollars"], rate)
    end = (str(r["fill_count"]), "|".join(found))
    return (r["order_id"], r["symbol"], r["side"], r["destination"], _time(r["event_time"]), *map(_number, numbers), *end)


def _number(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _time(value: datetime | None) -> str | None:
    return None if value is None else to_iso(from_datetime(value))


FILLS = Table(
    "fills_normalized",
    tuple(
        "trade_id order_id symbol side exec_quantity exec_price exec_timestamp destination nbbo_timestamp nbbo_bid nbbo_ask "
        "pi_per_share pi_dollars flags".split()
    ),
    frozenset("exec_quantity exec_price nbbo_bid nbbo_ask pi_per_share pi_dollars".split()),
    _fill,
)
SUMMARY = Table(
    "order_summary",
    tuple("order_id symbol side destination timestamp total_order_qty filled_qty vwap total_pi_dollars fill_rate fill_count flags".split()),
    frozenset("total_order_qty filled_qty vwap total_pi_dollars fill_rate".split()),
    _summary,
)
