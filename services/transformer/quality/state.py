"""What is remembered of a symbol: a few values a source and kind, whatever the number of ticks."""

from decimal import Decimal

import msgspec

from shared.events import NOWHERE, Flag, FlagName, Kind, Origin
from shared.money import ZERO


class Stream(msgspec.Struct, omit_defaults=True):
    """A source's ticks of one symbol and kind.

    `reference` is the last price that was no spike, `typical` the usual step of the price in 1e-9 of it; `suspect` a price that is held
    for a spike and has come `suspects` times. `since`, `same` and `base` are of the price as it stands: its first receive time, how
    often it has come, and what the other sources said when it came first. `heard` is the symbol's `spoken` at the last tick, `newest` that
    tick, `longest` the longest pause of late.
    """

    event_time: int  # us, the greatest
    received_at: int  # us, the greatest
    reference: Decimal
    typical: int = 0
    suspect: Decimal = ZERO
    suspects: int = 0
    price: Decimal = ZERO
    since: int = 0
    same: int = 0
    base: Decimal | None = None
    apart: int = 0  # us, since when it diverges; 0: it does not
    count: int = 0
    heard: int = 0  # us
    longest: int = 0  # us
    newest: Origin = NOWHERE
    standing: dict[FlagName, Flag] = {}


class Market(msgspec.Struct, omit_defaults=True):
    """A symbol: its streams by source and kind, and its log time; `checked` is when its sources were last looked at for silence.

    `spoken` is how long somebody has spoken of it: a pause of all sources counts for a short one.
    """

    symbol: str
    streams: dict[str, dict[Kind, Stream]] = {}
    log_time: int = 0  # us
    spoken: int = 0  # us
    checked: int = 0  # us, of `spoken`

    def __len__(self) -> int:
        return sum(map(len, self.streams.values()))


class State(msgspec.Struct, omit_defaults=True):
    """A partition: its symbols, its log time, when it was last swept, and by raw partition the last origin taken."""

    markets: dict[str, Market] = {}
    marks: dict[int, Origin] = {}
    log_time: int = 0  # us
    swept: int = 0  # us
