"""What is at hand prices a fill as a search of the whole store would, or leaves it to that search."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.writer.batch import Batch
from services.writer.sinks.postgres import pricing
from services.writer.sinks.postgres.trading_rows import quoted, stage
from shared.events import Action, Execution, Nbbo

SYMBOLS = ("KO", "F")
START = 1_767_623_400_000_000
Times = st.integers(0, 6)  # few, so that many are equal

quotes = st.lists(
    st.tuples(st.sampled_from(SYMBOLS), Times, st.integers(97, 101), st.integers(99, 103)).map(
        lambda row: Nbbo(row[0], Decimal(row[2]), Decimal(row[3]), START + row[1], run="orders-1")
    ),
    max_size=8,
)
fills = st.lists(
    st.tuples(st.sampled_from(SYMBOLS), Times, st.sampled_from(("new", "new", "correct")), st.sampled_from(("orders-1", "orders-2", None))),
    min_size=1,
    max_size=8,
)


def key(quote: Nbbo) -> tuple[int, Decimal, Decimal]:
    return quote.event_time, quote.bid, quote.ask


def executions(rows: list[tuple[str, int, Action, str | None]]) -> list[Execution]:
    return [
        Execution(f"T{n}", f"O{n}", symbol, "buy", Decimal(1), Decimal(100), START + at, "", action, START + at, run=run)
        for n, (symbol, at, action, run) in enumerate(rows)
    ]


@settings(max_examples=300, deadline=None)
@given(quotes, quotes, fills)
def test_a_fill_priced_at_hand_has_the_greatest_quote_at_or_before_it(
    stored: list[Nbbo], brought: list[Nbbo], rows: list[tuple[str, int, Action, str | None]]
) -> None:
    batch = Batch(
        quotes={(quote.symbol, *key(quote)[:1], quote.bid, quote.ask): quote for quote in brought},
        executions={fill.trade_id: fill for fill in executions(rows)},
    )
    staged = stage(batch)
    assert staged is not None
    heads: dict[str, pricing.Quoted | None] = {}
    for symbol in SYMBOLS:
        best = max((key(quote) for quote in stored if quote.symbol == symbol), default=None)
        heads[symbol] = None if best is None else (*best, quoted(*best))
    priced, found, left = pricing.at_hand(staged.fills, pricing.heads(heads, staged.series), {"orders-1"})
    columns = {fill.event.trade_id: fill.columns for fill in staged.fills}
    for fill, row in zip(priced, found, strict=True):
        known = [key(quote) for quote in (*stored, *brought) if quote.symbol == fill.symbol]
        best = max((one for one in known if one[0] <= fill.event_time), default=None)
        waits = fill.run == "orders-1" and fill.event_time > max((one[0] for one in known), default=-1)
        assert row == columns[fill.trade_id] + (pricing.NO_QUOTE if best is None or waits else quoted(*best))
    for one in left:
        head = heads[one.event.symbol]
        assert one.event.action != "new" or (head is not None and one.event.event_time < head[0])
    assert len(priced) + len(left) == len(rows)
