"""Past trades by their ids: how a venue is asked for those that a stream did not bring, one venue a file, and what its answers hold.

A page's trades have the ids and values of the stream's, so the store knows those that it has. A page does not name its symbol: the record's
key does.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from shared.errors import Rejected
from shared.events import Bar, Fact, Kind, Trade
from shared.providers import PROVIDERS, TRADE_ROWS
from shared.providers.venue import Budget
from shared.storable import INT64
from shared.tape import binance, coinbase, kraken, polygon
from shared.tape.asking import Asked, Wanted
from shared.time import MINUTE

__all__ = ["FOLLOW", "SPARSE", "TAPES", "Asked", "Ids", "Tape", "Wanted", "ids_of", "kind_of", "number", "numbers"]


class Tape(Protocol):
    """What a venue's file offers."""

    REST: str
    BUDGET: Budget
    PAGE: int  # trades

    @property
    def CHANNELS(self) -> tuple[str, ...]:  # noqa: N802 a module's constant
        """Of the stream: those whose trades have ids without holes."""

    def page(self, base: str, wanted: Wanted) -> Asked:
        """Where to ask for the first trades of a range that fit a page."""

    def following(self, base: str, native: str, channel: str, last: int, at: int) -> Asked:
        """Where to ask for what came after the trade with the id `last`, executed at `at` us."""

    def newest(self, base: str, native: str, channel: str) -> Asked:
        """Where to ask for the newest trade."""

    def parse(self, payload: bytes, native: str) -> Sequence[Fact | Rejected]:
        """The trades of a page; raises `Rejected` for the whole, yields it for one of them."""


TAPES: dict[str, Tape] = {"binance": binance, "coinbase": coinbase, "kraken": kraken, "polygon": polygon}
# What they number has holes of its own (a minute without a trade has no bar): only an outage makes one, and a page is all there is of it.
SPARSE = frozenset({"polygon"})
# A source with this channel asks for its trades in pages, each from where the last one ended.
FOLLOW = "history"
_KINDS: dict[str, Kind] = {"bookTicker": "quote", "ticker": "quote", "AM": "bar", "Q": "quote"}


Ids = Callable[[bytes], Sequence[tuple[str, int, int]]]


def ids_of(provider: str, *, final: bool = False) -> Ids:
    """Gives the trades of a frame as (native symbol, id, time in us): those that the transformer will take.

    A rejected trade may be a damaged frame: it counts as missing until the venue's history, which is `final`, says the same.
    """
    parse, row = PROVIDERS[provider].parse, TRADE_ROWS.get(provider)

    def ids(payload: bytes) -> Sequence[tuple[str, int, int]]:
        if row is not None and (plain := row(payload)) is not None:
            return ((plain[0], plain[1][1], plain[1][0]),)
        try:
            values: Iterable[Fact | Rejected] = parse(payload)
        except Rejected as fault:
            values = [fault]
        return numbers(values if final else [value for value in values if not isinstance(value, Rejected)])

    return ids


def numbers(values: Iterable[Fact | Rejected]) -> list[tuple[str, int, int]]:
    """(native symbol, id, time in us) of the trades among them; a rejected one's time is 0 where it is not known.

    An id that fits no column is none: a checkpoint could not carry it.
    """
    found: list[tuple[str, int, int]] = []
    for value in values:
        if isinstance(value, Trade | Bar):
            found.append((value.native_symbol, *number(value)))
        elif isinstance(value, Rejected) and value.trade is not None:
            found.append(value.trade)
    return [trade for trade in found if trade[1] in INT64]


def number(value: Trade | Bar) -> tuple[int, int]:
    """The id and time in us of a trade, or of a bar: the number of its minute."""
    return (value.sequence if isinstance(value, Trade) else value.event_time // MINUTE), value.event_time


def kind_of(channel: str) -> Kind:
    """What a stream's channel brings."""
    return _KINDS.get(channel, "trade")
