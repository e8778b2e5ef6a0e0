"""New executions priced by what is at hand: the quotes of their batch, and the newest stored one of their symbol. Pure.

Invariant: a fill that `at_hand` prices gets the quote that the store would find for it: the greatest (event_time, bid, ask) of its symbol
at or before its time. One that is before the newest stored quote, or is a later version of an id, is left to the store.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from services.writer.sinks.postgres.binary import NULL
from shared.events import Execution, Nbbo

Quoted = tuple[int, Decimal, Decimal, bytes]  # event time in us, bid, ask, and the three as columns of a COPY
NO_QUOTE = 3 * NULL


class Fill(NamedTuple):
    """An execution, its columns without the quote's, and the quote of its batch that it would have."""

    event: Execution
    columns: bytes
    quote: Quoted | None


class Head(NamedTuple):
    """The newest quote of a symbol before a batch, and the time of the newest after it (-1: none)."""

    quote: Quoted | None
    newest: int


class Series:
    """A batch's quotes of a symbol, by time."""

    __slots__ = ("_quotes", "_times")

    def __init__(self, quotes: list[Quoted]) -> None:
        quotes.sort()
        self._quotes, self._times = quotes, [quote[0] for quote in quotes]

    def at(self, time: int) -> Quoted | None:
        """The greatest quote at or before a time."""
        found = bisect_right(self._times, time)
        return self._quotes[found - 1] if found else None

    @property
    def first(self) -> int:
        """The least time."""
        return self._times[0]

    @property
    def last(self) -> int:
        """The greatest time."""
        return self._times[-1]

    def after(self, time: int) -> int | None:
        """The least time after one."""
        found = bisect_right(self._times, time)
        return self._times[found] if found < len(self._times) else None


def series(quotes: Iterable[tuple[Nbbo, bytes]]) -> dict[str, Series]:
    """Quotes, each with its columns, by symbol."""
    found: dict[str, list[Quoted]] = {}
    for quote, columns in quotes:
        known = found.get(quote.symbol)
        if known is None:
            known = found[quote.symbol] = []
        known.append((quote.event_time, quote.bid, quote.ask, columns))
    return {symbol: Series(known) for symbol, known in found.items()}


def heads(stored: Mapping[str, Quoted | None], given: Mapping[str, Series]) -> dict[str, Head]:
    """What is known of each symbol once the batch's quotes are stored too."""
    found: dict[str, Head] = {}
    for symbol, quote in stored.items():
        newest = given[symbol].last if symbol in given else -1
        found[symbol] = Head(quote, max(newest, quote[0] if quote else -1))
    return found


def at_hand(
    fills: Sequence[Fill], known: Mapping[str, Head], unfinished: Collection[str]
) -> tuple[list[Execution], list[bytes], list[Fill]]:
    """The executions that can be priced, their columns with the quote's, and the fills that are left.

    In an unfinished run a fill beyond its symbol's newest quote waits for a later one, without a quote.
    """
    priced: list[Execution] = []
    rows: list[bytes] = []
    left: list[Fill] = []
    for fill in fills:
        event, columns, quote = fill
        head, newest = known[event.symbol]
        if event.action != "new" or (head is not None and event.event_time < head[0]):
            left.append(fill)
            continue
        if head is not None and (quote is None or quote < head):
            quote = head
        waits = event.event_time > newest and event.run in unfinished
        priced.append(event)
        rows.append(columns + (NO_QUOTE if quote is None or waits else quote[3]))
    return priced, rows, left
