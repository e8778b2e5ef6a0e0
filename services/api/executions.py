"""Rows of orders, fills and their quality as they are answered, column by column in the order of the statements in `queries`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from asyncpg import Record

from services.api import answers, answers_trading
from services.api.answers import iso, money, number
from shared.money import EXACT, ZERO, quotient
from shared.time import to_datetime
from shared.trading import flags, quality
from shared.trading.versions import VOID

HUNDRED = Decimal(100)
TWO = Decimal(2)


def summary(row: Record) -> answers_trading.Summary:
    """A row of ORDER."""
    return answers_trading.Summary(*_sums(row))


def order(row: Record) -> answers_trading.Order:
    """A row of ORDERS."""
    symbol, side, venue, at, limit, count, unpriced, mismatched, action = row[5:14]
    told = flags.of_order(row[1], row[2], unpriced, mismatched, cancelled=action >= VOID)
    return answers_trading.Order(*_sums(row), symbol, side, venue, iso(at), money(limit), count, told)


def _sums(row: Record) -> tuple[str, answers.Money, answers.Money, answers.Money | None, answers.Money, answers.Money]:
    order_id, quantity, filled, notional, improved = row[:5]
    rate = quality.fill_rate(quantity, filled)
    return order_id, number(quantity), number(filled), money(quality.vwap(notional, filled)), number(improved), number(rate)


def fill(row: Record) -> answers_trading.Fill:
    """A row of FILLS."""
    trade_id, order_id, symbol, side, quantity, price, at, venue, quoted_at, bid, ask, improved, *of_order = row
    order_symbol, order_side, order_at, order_end, limit, action, *mids = of_order
    facts = flags.FillFacts(
        symbol, side, to_datetime(at), _time(quoted_at), bid, ask, order_symbol, order_side, _time(order_at), _time(order_end)
    )
    spread = None if bid is None else quality.spread(bid, ask)
    effective = None if bid is None else quality.effective(side, price, EXACT.add(bid, ask))
    realized = [None if mid is None else quality.effective(side, price, mid) for mid in mids]
    return answers_trading.Fill(
        trade_id,
        order_id,
        symbol,
        side,
        number(quantity),
        number(price),
        iso(at),
        venue,
        None if quoted_at is None else iso(quoted_at),
        money(bid),
        money(ask),
        None if bid is None else money(quotient(EXACT.add(bid, ask), TWO)),
        None if bid is None else money(quality.improvement(side, price, bid, ask)),
        money(improved),
        None if limit is None else money(EXACT.abs(EXACT.subtract(price, limit))),
        money(spread),
        money(effective),
        None if spread is None or effective is None else money(quotient(effective, spread)),
        answers_trading.Realized(*map(money, realized)),
        None if order_at is None else money(quotient(Decimal(at - order_at), Decimal(1_000_000))),
        flags.of_fill(facts),
        action >= VOID,
    )


def quality_of(row: Record) -> answers_trading.Quality:
    """A row of QUALITY."""
    group, fills, shares, notional, *sums = row
    priced, improved, at_quote, outside, dollars, spread, effective, slipped, limited, waited, matched, *later = (v or ZERO for v in sums)
    per_share = {
        "pi_per_share": (dollars, priced),
        "slippage": (slipped, limited),
        "quoted_spread": (spread, priced),
        "effective_spread": (effective, priced),
        "effective_over_quoted": (effective, spread),
        "seconds_to_execution": (waited, matched),
    }
    return answers_trading.Quality(
        group=group,
        fills=fills,
        shares=number(shares),
        notional=number(notional),
        vwap=money(quotient(notional, shares)),
        priced_shares=number(priced),
        shares_improved=number(improved),
        shares_at_quote=number(at_quote),
        shares_outside=number(outside),
        at_or_better_percent=money(quotient(EXACT.multiply(HUNDRED, EXACT.add(improved, at_quote)), priced)),
        total_pi_dollars=number(dollars),
        realized_spread=_realized(later),
        **{name: money(quotient(a, b)) for name, (a, b) in per_share.items()},
    )


def _realized(sums: Sequence[Decimal]) -> answers_trading.Realized:
    return answers_trading.Realized(*(money(quotient(sums[at], sums[at + 1])) for at in range(0, len(sums), 2)))


def _time(us: int | None) -> datetime | None:
    return None if us is None else to_datetime(us)
